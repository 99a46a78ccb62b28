//! `DELETE /v1/auth/identities/{id}`: no sign-in with it any more.

use tenfold::prelude::*;

use super::identities::MOST;
use crate::account::lock_own::lock_own;
use crate::entities::{LinkedIdentity, LinkedIdentityId};
use crate::links::NoticeKind;
use crate::links::notice::SendNotice;
use crate::passwords::NO_PASSWORD;
use crate::sessions::limited::AnySession;

/// Ends the link to an account at a provider. Sessions stay.
///
/// The last one of an account without a password is a 409: choose a password first, by `POST /v1/auth/forgot`.
#[endpoint(delete, "/v1/auth/identities/{id}", tag = "identity", problems(404, 409), example(id = list_identities))]
pub(crate) async fn remove_identity(
    AnySession(cx): AnySession,
    system: SystemContext,
    Path(id): Path<LinkedIdentityId>,
) -> Result<NoContent, Problem> {
    system
        .transaction(async |tx| -> Result<(), Problem> {
            let account = lock_own(tx, &cx).await?;
            let own = LinkedIdentity::query().filter(LinkedIdentity::account_id.eq(account.id));
            let own = own.order_by(LinkedIdentity::id).limit(MOST).all(&*tx).await?;
            if !own.iter().any(|linked| linked.id == id) {
                // One of somebody else gets the same answer.
                return Err(Problem::not_found("identity"));
            }
            if own.len() == 1 && account.password_hash == NO_PASSWORD {
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
