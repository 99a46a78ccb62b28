//! `GET /v1/auth/session`: who is signed in.

use serde::Serialize;
use tenfold::http::person;
use tenfold::prelude::*;
use tenfold_auth_api::AccountId;
use utoipa::ToSchema;

use super::limited::{AnySession, LimitOfSession, SessionLimit};
use super::{SessionView, describe, memberships};

/// The session of a request, with its permissions.
#[derive(Serialize, ToSchema)]
pub(crate) struct CurrentSession {
    #[serde(flatten)]
    session: SessionView,
    /// Your permissions in this organization, sorted: those of your role, and additional ones.
    permissions: Vec<String>,
    /// Why the session reaches only your own account: the organization requires a second factor that you do not have, or is closed, or an
    /// operator has suspended it. Null if it is not limited.
    limit: Option<SessionLimit>,
}

/// Your user, organization and permissions, and your other organizations: for a page that was reloaded and has only its
/// cookie.
#[endpoint(get, "/v1/auth/session", tag = "identity")]
pub(crate) async fn current_session(
    AnySession(cx): AnySession,
    LimitOfSession(limit): LimitOfSession,
    system: SystemContext,
) -> Result<Json<CurrentSession>, Problem> {
    let principal = person(&cx)?;
    let account = AccountId(principal.account);
    let memberships = memberships(&system, account, Some(cx.tenant())).await?;
    let current = memberships.iter().find(|membership| membership.org_id == cx.tenant());
    // A person who is no member any more has no session of the organization either.
    let current = current.ok_or_else(Problem::unauthenticated)?;
    let session = describe(&system, current, &memberships).await?;
    let permissions = principal.permissions.iter().cloned().collect();
    Ok(Json(CurrentSession { session, permissions, limit }))
}
