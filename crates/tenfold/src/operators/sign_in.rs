//! The code of an operator, after the password was right.

use std::time::Duration;

use tenfold_data::{DataError, SystemContext, Timestamp, sql};

use super::NamedOperator;
use crate::credentials::totp;

/// So many wrong codes in a row cost nothing; each further one doubles the wait.
const FREE: i64 = 5;
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);

/// What became of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeUse {
    /// It was right, and works no more.
    Used,
    /// It was wrong, or was used before.
    Wrong,
    /// There were too many wrong ones: none is tried before then.
    Blocked(Timestamp),
}

/// Uses a code up. Only who knows the password comes here, so a stranger does not block an operator.
///
/// # Errors
/// A statement failed.
pub async fn use_code(
    cx: &SystemContext,
    operator: &NamedOperator,
    typed: &str,
) -> Result<CodeUse, DataError> {
    let now = cx.now();
    if let Some(until) = operator.blocked_until.filter(|until| now < *until) {
        return Ok(CodeUse::Blocked(until));
    }
    let typed: String = typed.chars().filter(char::is_ascii_digit).collect();
    let period = totp::period_of_code(&operator.totp_secret, &typed, now);
    cx.transaction(async |tx| -> Result<CodeUse, DataError> {
        if let Some(period) = period {
            let used = sql!(
                "tenfold_operators.use_code",
                "UPDATE tenfold_operators SET last_period = $2, wrong_codes = 0, blocked_until = NULL
                 WHERE name = $1 AND last_period < $2"
            )
            .bind(operator.name.clone())
            .bind(period)
            .execute(tx)
            .await?;
            if used == 1 {
                return Ok(CodeUse::Used);
            }
        }
        let wrong = operator.wrong_codes + 1;
        let until = (wrong >= FREE).then(|| now + wait_after(wrong));
        sql!(
            "tenfold_operators.wrong_code",
            "UPDATE tenfold_operators SET wrong_codes = wrong_codes + 1, blocked_until = $2 WHERE name = $1"
        )
        .bind(operator.name.clone())
        .bind(until)
        .execute(tx)
        .await?;
        Ok(CodeUse::Wrong)
    })
    .await
}

fn wait_after(wrong: i64) -> Duration {
    let doublings = u32::try_from(wrong - FREE).unwrap_or(0).min(10);
    Duration::from_secs(1 << doublings).min(LONGEST_WAIT)
}
