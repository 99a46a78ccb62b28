//! The code of an operator, after the password was right.

use std::time::Duration;

use tenfold_data::{DataError, SystemContext, SystemTx, Timestamp, sql};

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
/// The operator's row is locked first: of sign-ins at once, each counts what the ones before it did. An operator that was removed or
/// renewed since it was read gets [`CodeUse::Wrong`].
///
/// # Errors
/// A statement failed.
pub async fn use_code(
    cx: &SystemContext,
    operator: &NamedOperator,
    typed: &str,
) -> Result<CodeUse, DataError> {
    let typed: String = typed.chars().filter(char::is_ascii_digit).collect();
    cx.transaction(async |tx| -> Result<CodeUse, DataError> {
        let Some(CodeState { totp_secret, wrong_codes, blocked_until }) = lock(tx, operator).await? else {
            return Ok(CodeUse::Wrong);
        };
        let now = tx.now();
        if let Some(until) = blocked_until.filter(|until| now < *until) {
            return Ok(CodeUse::Blocked(until));
        }
        if let Some(period) = totp::period_of_code(&totp_secret, &typed, now) {
            let used = sql!(
                "tenfold_operators.use_code",
                "UPDATE tenfold_operators SET last_period = $2, wrong_codes = 0, blocked_until = NULL
                 WHERE name = $1 AND last_period < $2 AND (blocked_until IS NULL OR blocked_until <= $3)"
            )
            .bind(operator.name.clone())
            .bind(period)
            .bind(now)
            .execute(tx)
            .await?;
            if used == 1 {
                return Ok(CodeUse::Used);
            }
        }
        let wrong = wrong_codes + 1;
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

/// What decides about a code.
struct CodeState {
    totp_secret: Vec<u8>,
    wrong_codes: i64,
    blocked_until: Option<Timestamp>,
}

/// Locks the operator's row until the transaction ends, and reads it as it is now. None if it is gone or has another password.
async fn lock(tx: &SystemTx<'_>, operator: &NamedOperator) -> Result<Option<CodeState>, DataError> {
    // SQLite has one writer anyway.
    let row: Option<(Vec<u8>, i64, Option<Timestamp>)> = sql!(
        "tenfold_operators.lock",
        sqlite: "SELECT totp_secret, wrong_codes, blocked_until FROM tenfold_operators
                 WHERE name = $1 AND password_hash = $2",
        postgres: "SELECT totp_secret, wrong_codes, blocked_until FROM tenfold_operators
                   WHERE name = $1 AND password_hash = $2 FOR UPDATE"
    )
    .bind(operator.name.clone())
    .bind(operator.password_hash.clone())
    .bounded()
    .first(tx)
    .await?;
    Ok(row.map(|(totp_secret, wrong_codes, blocked_until)| CodeState {
        totp_secret,
        wrong_codes,
        blocked_until,
    }))
}

fn wait_after(wrong: i64) -> Duration {
    let doublings = u32::try_from(wrong - FREE).unwrap_or(0).min(10);
    Duration::from_secs(1 << doublings).min(LONGEST_WAIT)
}
