//! `DELETE /v1/auth/identities/{id}`: no sign-in with it any more.

use tenfold::prelude::*;

use super::identities::MOST;
use crate::account::lock_own::lock_own;
use crate::entities::{LinkedIdentity, LinkedIdentityId};
use crate::links::NoticeKind;
use crate::links::notice::SendNotice;
use crate::passwords::NO_PASSWORD;
use crate::service::Identity;
use crate::sessions::MaybeSudo;
use crate::sessions::limited::AnySession;

/// Ends the link to an account at a provider. Sessions stay.
///
/// The password must have been typed within the last ten minutes, if the account has one: at sign-in, or with `POST /v1/auth/sudo`. The
/// last one of an account without a password is a 409, as is one beside which all others are of providers that are not configured any
/// more: choose a password first, by `POST /v1/auth/forgot`.
#[endpoint(delete, "/v1/auth/identities/{id}", tag = "identity", problems(403, 404, 409), example(id = list_identities))]
pub(crate) async fn remove_identity(
    AnySession(cx): AnySession,
    system: SystemContext,
    sudo: MaybeSudo,
    identity: Use<Identity>,
    Path(id): Path<LinkedIdentityId>,
) -> Result<NoContent, Problem> {
    system
        .transaction(async |tx| -> Result<(), Problem> {
            let account = lock_own(tx, &cx).await?;
            let has_password = account.password_hash != NO_PASSWORD;
            if has_password {
                sudo.require()?;
            }
            let own = LinkedIdentity::query().filter(LinkedIdentity::account_id.eq(account.id));
            let own = own.order_by(LinkedIdentity::id).limit(MOST).all(&*tx).await?;
            if !own.iter().any(|linked| linked.id == id) {
                // One of somebody else gets the same answer.
                return Err(Problem::not_found("identity"));
            }
            let signs_in = |other: &LinkedIdentity| {
                other.id != id && identity.providers.titles.contains_key(&other.provider)
            };
            if !has_password && !own.iter().any(signs_in) {
                return Err(Problem::conflict(
                    "you could not sign in any more: choose a password first, by a link from POST /v1/auth/forgot",
                ));
            }
            LinkedIdentity::delete(tx, id).await?;
            Ok(tx.enqueue(SendNotice::to(account.id, NoticeKind::IdentityRemoved)).await.map(drop)?)
        })
        .await?;
    Ok(NoContent)
}
