//! `DELETE /v1/auth/totp`: no second factor any more.

use tenfold::prelude::*;

use super::forget_recovery_codes;
use crate::account::lock_own::lock_own;
use crate::account::own_account;
use crate::entities::SecondFactor;
use crate::links::NoticeKind;
use crate::links::notice::SendNotice;
use crate::sessions::{Sudo, forgotten_everywhere};

/// Removes the second factor and its recovery codes. Your sessions in organizations that require one stop working until you have
/// set up another.
///
/// The password must have been typed within the last ten minutes: at sign-in, or with `POST /v1/auth/sudo`.
#[endpoint(delete, "/v1/auth/totp", tag = "identity", problems(403, 404))]
pub(crate) async fn remove_totp(cx: Context, system: SystemContext, _: Sudo) -> Result<NoContent, Problem> {
    let account = own_account(&cx)?;
    system
        .transaction(async |tx| -> Result<(), Problem> {
            lock_own(tx, &cx).await?;
            SecondFactor::delete(tx, account).await?;
            forget_recovery_codes(tx, account).await?;
            tx.enqueue(SendNotice::to(account, NoticeKind::SecondFactorRemoved)).await?;
            Ok(())
        })
        .await?;
    forgotten_everywhere(&system).await;
    Ok(NoContent)
}
