//! `GET /v1/auth/session`: who is signed in.

use auth_api::AccountId;
use tenfold::prelude::*;

use super::{SessionView, describe};
use crate::entities::Membership;

/// Who you are, where, and where else you can be: for a page that was loaded anew and has only its cookie.
#[utoipa::path(get, path = "/v1/auth/session", tag = "identity", security(("session" = [])),
    responses((status = 200, body = SessionView)))]
pub(crate) async fn current_session(
    cx: Context,
    system: SystemContext,
) -> Result<Json<SessionView>, Problem> {
    let account =
        cx.principal().map(|principal| AccountId(principal.account)).ok_or_else(Problem::unauthenticated)?;
    let memberships = Membership::query().filter(Membership::account_id.eq(account)).all(&system).await?;
    let current = memberships.iter().find(|membership| membership.org_id == cx.tenant());
    // Who is no member any more has no session of the organization either.
    let current = current.ok_or_else(Problem::unauthenticated)?;
    Ok(Json(describe(&system, current, &memberships).await?))
}
