//! The lock of an account.

use tenfold::data::SystemTx;
use tenfold::prelude::*;
use tenfold_auth_api::AccountId;

use crate::entities::{Account, AccountRow};

/// A row of `auth_accounts`.
type LockedAccount = (String, String, Option<Timestamp>, Option<Timestamp>, Timestamp);

/// Locks an account until the transaction ends, and reads it as it is now.
///
/// A transaction that opens or ends sessions of an account takes this lock before it touches anything else of the account, and then
/// looks again at what allows it: the password that was compared, the session of the request, the link. So a session is opened
/// before all are ended, and ends with them, or is not opened; and no two of these transactions wait for each other.
pub(crate) async fn lock(tx: &SystemTx<'_>, account: AccountId) -> Result<Account, DataError> {
    // SQLite has one writer anyway.
    let row: Option<LockedAccount> = sql!(
        "auth_accounts.lock",
        sqlite: "SELECT email, password_hash, reached_at, confirmed_at, created_at FROM auth_accounts WHERE id = $1",
        postgres: "SELECT email, password_hash, reached_at, confirmed_at, created_at FROM auth_accounts WHERE id = $1
                   FOR UPDATE"
    )
    .bind(account)
    .bounded()
    .first(tx)
    .await?;
    let missing = || DataError::NotFound { entity: "Account", key: account.to_string() };
    let (email, password_hash, reached_at, confirmed_at, created_at) = row.ok_or_else(missing)?;
    Ok(AccountRow { id: account, email, password_hash, reached_at, confirmed_at, created_at }.into())
}
