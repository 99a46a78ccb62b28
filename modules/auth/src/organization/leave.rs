//! `POST /v1/organization/leave`.

use tenfold::http::{Response, ServerState, State};
use tenfold::prelude::*;

use crate::entities::User;
use crate::members::{lock, remove};
use crate::sessions::{MaybeSudo, SessionCookie, forgotten_everywhere};
use crate::users::own_user;

/// Leaves the organization: your sessions there end, and so do the API keys that you have made. The last owner cannot leave: a 409.
///
/// For an owner, the password must have been typed within the last ten minutes: at sign-in, or with `POST /v1/auth/sudo`.
#[endpoint(post, "/v1/organization/leave", tag = "identity", answers(204), problems(403, 409))]
pub(crate) async fn leave_organization(
    cx: Context,
    system: SystemContext,
    sudo: MaybeSudo,
    state: State<ServerState>,
) -> Result<Response, Problem> {
    let own = own_user(&cx)?;
    let proven = sudo.require();
    system
        .transaction(async |tx| -> Result<(), Problem> {
            lock(tx, cx.tenant()).await?;
            let user = User::get(&tx.within(cx.tenant()), own).await?;
            if user.role == Role::Owner {
                proven?;
            }
            remove(tx, &user).await
        })
        .await?;
    forgotten_everywhere(&system).await;
    Ok(SessionCookie::of(&state).forget())
}
