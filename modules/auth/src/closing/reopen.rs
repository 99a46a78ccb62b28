//! `POST /v1/organization/reopen`.

use tenfold::prelude::*;

use crate::account::lock_own::lock_own;
use crate::entities::Organization;
use crate::members::lock;
use crate::organization::WriteOrganization;
use crate::sessions::limited::{AnySession, ClosedSession};
use crate::sessions::{Sudo, forgotten_everywhere};

/// Reopens a closed organization: all work there again, with the sessions and API keys that they had.
///
/// One that is being erased already is a 409. The password must have been typed within the last ten minutes: at sign-in, or with `POST
/// /v1/auth/sudo`.
#[endpoint(post, "/v1/organization/reopen", tag = "identity", problems(403, 409))]
pub(crate) async fn reopen_organization(
    _: AnySession,
    _: Require<WriteOrganization>,
    ClosedSession(cx): ClosedSession,
    _: Sudo,
    system: SystemContext,
) -> Result<NoContent, Problem> {
    let id = cx.tenant();
    system
        .transaction(async |tx| -> Result<(), Problem> {
            lock_own(tx, &cx).await?;
            lock(tx, id).await?;
            if Organization::get(&*tx, id).await?.erasing_at.is_some() {
                return Err(Problem::conflict("the organization is being erased: it is too late"));
            }
            let change = Organization::update(id)
                .set(Organization::closed_at, None)
                .set(Organization::remind_at, None)
                .set(Organization::erase_at, None);
            Ok(change.run(&*tx).await?)
        })
        .await?;
    forgotten_everywhere(&system).await;
    Ok(NoContent)
}
