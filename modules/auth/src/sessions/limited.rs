//! Sessions of people who need a second factor in an organization and have none yet.
//!
//! Such a session is *limited*: [`Context`] refuses it, so it reaches nothing but the few handlers that take [`AnySession`].
//! Whether it is limited is computed at each request, from rows that the cache keeps until they change: no column has to be kept true
//! when an organization's requirement or a person's second factor changes.

use tenfold::axum::extract::FromRequestParts;
use tenfold::axum::http::request::Parts;
use tenfold::http::{Credentials, Endpoint, Input, ServerState, StatusCode, Use};
use tenfold::prelude::*;

use crate::service::Identity;

const KIND: &str = "second-factor-setup-required";

/// The refusal of a limited session.
pub(crate) fn setup_required() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, KIND, "A second factor must be set up")
        .detail("this organization requires one: POST /v1/auth/totp, then POST /v1/auth/totp/confirm")
}

/// In a handler's signature, in place of [`Context`] and before [`Sudo`](super::Sudo): the context of a session that may be limited.
pub(crate) struct AnySession(pub Context);

impl FromRequestParts<ServerState> for AnySession {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ServerState) -> Result<Self, Problem> {
        let refusal = match Context::from_request_parts(parts, state).await {
            Ok(cx) => return Ok(AnySession(cx)),
            Err(refusal) => refusal,
        };
        // Only this one: it comes after the check that no other site has sent the cookie.
        if refusal.kind() != setup_required().kind() {
            return Err(refusal);
        }
        let credentials = Credentials::of(&parts.headers, state.settings().session_cookie());
        let credentials = credentials.ok_or_else(Problem::unauthenticated)?;
        let system = SystemContext::from_request_parts(parts, state).await?;
        let identity = Use::<Identity>::from_request_parts(parts, state).await?;
        let cx = identity.limited_context(&system, &credentials.token).await?;
        let cx = cx.ok_or_else(Problem::unauthenticated)?;
        // The other extractors of this handler find it here.
        parts.extensions.insert(cx.clone());
        Ok(AnySession(cx))
    }
}

impl Input for AnySession {
    fn describe(endpoint: &mut Endpoint) {
        endpoint.needs_session();
    }
}
