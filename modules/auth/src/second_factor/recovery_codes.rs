//! `POST /v1/auth/totp/recovery-codes`: new recovery codes.

use tenfold::prelude::*;

use super::confirm::{RecoveryCodes, issue};
use crate::account::lock_own::lock_own;
use crate::account::own_account;
use crate::entities::SecondFactor;
use crate::sessions::Sudo;

/// Gives new recovery codes in place of those that you have.
///
/// Without a confirmed second factor it is a 404. The password must have been typed within the last ten minutes: at sign-in, or with
/// `POST /v1/auth/sudo`.
#[endpoint(post, "/v1/auth/totp/recovery-codes", tag = "identity", problems(403, 404))]
pub(crate) async fn renew_recovery_codes(
    cx: Context,
    system: SystemContext,
    _: Sudo,
) -> Result<Json<RecoveryCodes>, Problem> {
    let account = own_account(&cx)?;
    let recovery_codes = system
        .transaction(async |tx| -> Result<Vec<String>, Problem> {
            lock_own(tx, &cx).await?;
            let factor = SecondFactor::find(&*tx, account).await?;
            if factor.is_none_or(|factor| factor.confirmed_at.is_none()) {
                return Err(Problem::not_found("second factor"));
            }
            issue(tx, account).await
        })
        .await?;
    Ok(Json(RecoveryCodes { recovery_codes }))
}
