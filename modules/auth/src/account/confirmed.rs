//! What needs an address that mails reach.

use tenfold::http::StatusCode;
use tenfold::prelude::*;

use crate::entities::Account;

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
