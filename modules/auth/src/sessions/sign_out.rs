//! `POST /v1/auth/sign-out`.

use tenfold::http::{Response, ServerState, State};
use tenfold::prelude::*;

use super::limited::AnySession;
use super::{SessionCookie, forgotten_everywhere, own_session};
use crate::entities::Session;

/// Ends the session. Its token stops working at once.
#[endpoint(post, "/v1/auth/sign-out", tag = "identity", priority = critical, answers(204))]
pub(crate) async fn sign_out(
    AnySession(cx): AnySession,
    system: SystemContext,
    state: State<ServerState>,
) -> Result<Response, Problem> {
    let session = own_session(&cx)?;
    match cx.transaction(async |tx| Session::delete(tx, session).await).await {
        // Signing out twice at once ends the session all the same.
        Ok(()) | Err(DataError::NotFound { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    forgotten_everywhere(&system).await;
    Ok(SessionCookie::of(&state).forget())
}
