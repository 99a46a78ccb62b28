//! `POST /v1/organization/leave`.

use tenfold::http::{Response, ServerState, State};
use tenfold::prelude::*;

use crate::members::remove;
use crate::sessions::{SessionCookie, forgotten_everywhere};
use crate::users::own_user;

/// Leaves the organization: your sessions there end. The last owner cannot leave: a 409.
#[endpoint(post, "/v1/organization/leave", tag = "identity", answers(204), problems(409))]
pub(crate) async fn leave_organization(
    cx: Context,
    system: SystemContext,
    state: State<ServerState>,
) -> Result<Response, Problem> {
    let own = own_user(&cx)?;
    system.transaction(async |tx| remove(tx, cx.tenant(), own).await).await?;
    forgotten_everywhere(&system).await?;
    Ok(SessionCookie::of(&state).forget())
}
