//! Access for a program that an operator lets work, such as a coding agent: by the token of the operator's sign-in.
//!
//! A program sends the token as `Authorization: Bearer`, which no browser does by itself. A page of the console may send the cookie.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use tenfold::axum;
use tenfold::http::{
    ClientAddress, Credentials, Response, ServerState, StatusCode, header, refuse_cross_site,
};
use tenfold::prelude::*;

use crate::access::{Access, ConsoleCookie, Operator};
use crate::hash_door::ConsoleAddress;
use crate::unrecorded::unrecorded;

/// In a handler's signature: the operator whose sign-in a program uses. Otherwise a 401; pages elsewhere get a 403.
pub(crate) struct AgentOperator(pub Operator);

impl FromRequestParts<ServerState> for AgentOperator {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &ServerState) -> Result<Self, Response> {
        agent(parts, state).await.map(AgentOperator).map_err(unrecorded)
    }
}

async fn agent(parts: &mut Parts, state: &ServerState) -> Result<Operator, Problem> {
    refuse_rebound(parts, state)?;
    let credentials = Credentials::of(&parts.headers, ConsoleCookie::of(state).name());
    let credentials = credentials.ok_or_else(signed_out)?;
    if credentials.by_cookie {
        refuse_cross_site(&state.settings().origins, &parts.method, &parts.headers)?;
    }
    let access = Use::<Access>::from_request_parts(parts, state).await?;
    let cx = SystemContext::from_request_parts(parts, state).await?;
    let client = ClientAddress::from_request_parts(parts, state).await?;
    let operator = access
        .operator(&cx, &credentials.token, (client, ConsoleAddress::of(state)))
        .await
        .map_err(Problem::internal)?;
    operator.ok_or_else(signed_out)
}

/// Refuses pages of other origins, and those whose name somebody pointed at this service (DNS rebinding). Programs send no `Origin`.
fn refuse_rebound(parts: &Parts, state: &ServerState) -> Result<(), Problem> {
    let Some(origin) = parts.headers.get(header::ORIGIN) else { return Ok(()) };
    let origins = &state.settings().origins;
    refuse_cross_site(origins, &parts.method, &parts.headers)?;
    if origins.cannot_be_rebound(origin.to_str().unwrap_or_default()) {
        return Ok(());
    }
    let refused = Problem::new(StatusCode::FORBIDDEN, "cross-site", "Cross-site request");
    Err(refused
        .detail("a browser may send this from a page of http.public_url, of localhost or of an address"))
}

fn signed_out() -> Problem {
    Problem::unauthenticated()
        .detail("send `Authorization: Bearer TOKEN` with the value of the cookie of a sign-in to /console; `app mcp` does so")
}
