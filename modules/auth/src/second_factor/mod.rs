//! A second factor: codes of an authenticator application, and recovery codes for a person who has lost it.

pub(crate) mod answer;
pub(crate) mod challenge;
pub(crate) mod confirm;
pub(crate) mod recovery_codes;
pub(crate) mod remove;
pub(crate) mod set_up;

use sha2::{Digest as _, Sha256};
use tenfold::credentials::totp;
use tenfold::data::SystemTx;
use tenfold::prelude::*;
use tenfold_auth_api::AccountId;

use crate::entities::SecondFactor;

/// A code that a person types: six digits of the application, or a recovery code.
pub(crate) type TypedCode = Text<1, 40>;

/// A code that was right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UsedCode {
    /// One of the application.
    Application,
    /// A recovery code.
    Recovery,
}

/// Uses a code of a factor up: a code of the application works once, and so does a recovery code. None for a wrong one.
pub(crate) async fn use_code(
    tx: &SystemTx<'_>,
    factor: &SecondFactor,
    typed: &str,
) -> Result<Option<UsedCode>, DataError> {
    let typed = plain(typed);
    let Some(period) = totp::period_of_code(&factor.secret, &typed, tx.now()) else {
        let used = use_recovery_code(tx, factor.account_id, &typed).await?;
        return Ok(used.then_some(UsedCode::Recovery));
    };
    let used = sql!(
        "auth_second_factors.use_code",
        "UPDATE auth_second_factors SET last_period = $2 WHERE account_id = $1 AND last_period < $2"
    )
    .changes_only(SecondFactor::TABLE, [factor.account_id])
    .bind(factor.account_id)
    .bind(period)
    .execute(tx)
    .await?;
    Ok((used == 1).then_some(UsedCode::Application))
}

async fn use_recovery_code(tx: &SystemTx<'_>, account: AccountId, typed: &str) -> Result<bool, DataError> {
    let used = sql!(
        "auth_recovery_codes.use",
        "DELETE FROM auth_recovery_codes WHERE account_id = $1 AND code_hash = $2"
    )
    .changes("auth_recovery_codes")
    .bind(account)
    .bind(hash(typed))
    .execute(tx)
    .await?;
    Ok(used == 1)
}

/// A code as it is compared: without the spaces and dashes that people type, and in lower case.
fn plain(typed: &str) -> String {
    typed.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}

/// Recovery codes have 80 random bits, so a fast hash is enough.
fn hash(code: &str) -> Vec<u8> {
    Sha256::digest(code.as_bytes()).to_vec()
}

/// Deletes the recovery codes of an account.
pub(crate) async fn forget_recovery_codes(tx: &SystemTx<'_>, account: AccountId) -> Result<(), DataError> {
    sql!("auth_recovery_codes.forget", "DELETE FROM auth_recovery_codes WHERE account_id = $1")
        .changes("auth_recovery_codes")
        .bind(account)
        .execute(tx)
        .await
        .map(drop)
}
