//! A person whose address is confirmed, or at least reached.

use tenfold::data::SystemTx;
use tenfold::http::StatusCode;
use tenfold::prelude::*;

use super::lock::lock;
use super::own_account;
use crate::entities::Account;
use crate::sessions::still_open;

/// Locks the account of a request, and looks again whether the session is still open. It is for what would outlast a stranger who
/// has signed up with the address, such as an API key: whoever takes the account over waits for it, or was before it.
///
/// # Errors
/// 401 if the session has ended meanwhile, 403 for an API key.
pub(crate) async fn lock_own(tx: &SystemTx<'_>, cx: &Context) -> Result<Account, Problem> {
    let account = lock(tx, own_account(cx)?).await?;
    still_open(tx, cx).await?;
    Ok(account)
}

/// Refuses an account whose address has never received a mail that somebody followed.
///
/// # Errors
/// 403 `address-unconfirmed`.
pub(crate) fn require_reached(account: &Account) -> Result<(), Problem> {
    account.reached_at.map(drop).ok_or_else(|| {
        unconfirmed()
            .detail("follow the link in the mail to your address; POST /v1/auth/verify/send mails it again")
    })
}

/// What needs a confirmed address is refused.
pub(crate) fn unconfirmed() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "address-unconfirmed", "The address is not confirmed")
}
