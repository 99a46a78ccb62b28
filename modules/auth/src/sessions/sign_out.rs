//! `POST /v1/auth/sign-out`.

use tenfold::http::{Response, ServerState, State};
use tenfold::prelude::*;

use super::limited::AnySession;
use super::{SessionCookie, own_session};
use crate::entities::Session;

/// Ends the session. Its token stops working at once.
#[endpoint(post, "/v1/auth/sign-out", tag = "identity", answers(204))]
pub(crate) async fn sign_out(
    AnySession(cx): AnySession,
    state: State<ServerState>,
) -> Result<Response, Problem> {
    let session = own_session(&cx)?;
    match cx.transaction(async |tx| Session::delete(tx, session).await).await {
        // Signing out twice at once ends the session all the same.
        Ok(()) | Err(DataError::NotFound { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    // All other processes are told before this is answered. A process that is dead is not waited for long, and the session
    // has ended whatever comes of it.
    if let Err(error) = cx.scope().database().feed().wait_passed().await {
        tracing::warn!(%error, "it is not known whether other processes have been told of a sign-out");
    }
    Ok(SessionCookie::of(&state).forget())
}
