//! The lock of one's own account. It is apart from [`super::lock`], which links need, too.

use tenfold::data::SystemTx;
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
