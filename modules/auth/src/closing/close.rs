//! `POST /v1/organization/close`.

use tenfold::prelude::*;

use super::send::ClosingMail;
use super::{ClosedOrganization, ends, tell_owners};
use crate::account::lock_own::lock_own;
use crate::entities::Organization;
use crate::members::lock;
use crate::organization::WriteOrganization;
use crate::service::Identity;
use crate::sessions::{Sudo, forgotten_everywhere};
use crate::users::own_user;

/// Closes the organization. Sessions, API keys and invitations stop working there at once: a 403 `organization-closed`, and streams end.
///
/// Nothing is deleted before `erased_at` (`auth.closing_pause`, 14 days unless set otherwise). Until then an owner can reopen it: `POST
/// /v1/organization/reopen`, in a session of the closed organization, which sign-in still gives. Its owners get a mail now, and another one
/// some days before the end. Then everything in it is erased, with the accounts of those who belong to no other organization and are
/// not suspended.
///
/// The password must have been typed within the last ten minutes: at sign-in, or with `POST /v1/auth/sudo`.
#[endpoint(post, "/v1/organization/close", tag = "identity", problems(403, 409))]
pub(crate) async fn close_organization(
    cx: Context,
    system: SystemContext,
    _: Require<WriteOrganization>,
    _: Sudo,
    identity: Use<Identity>,
) -> Result<Json<ClosedOrganization>, Problem> {
    let (id, by) = (cx.tenant(), own_user(&cx)?);
    let (closed_at, (remind_at, erase_at)) = (cx.now(), ends(cx.now(), identity.closing_pause));
    system
        .transaction(async |tx| -> Result<(), Problem> {
            lock_own(tx, &cx).await?;
            lock(tx, id).await?;
            if Organization::get(&*tx, id).await?.closed_at.is_some() {
                return Err(Problem::conflict("the organization is closed already"));
            }
            let change = Organization::update(id)
                .set(Organization::closed_at, Some(closed_at))
                .set(Organization::remind_at, Some(remind_at))
                .set(Organization::erase_at, Some(erase_at));
            change.run(&*tx).await?;
            Ok(tell_owners(tx, id, closed_at, ClosingMail::Closed { by }).await?)
        })
        .await?;
    forgotten_everywhere(&system).await;
    Ok(Json(ClosedOrganization { id, closed_at, erased_at: erase_at }))
}
