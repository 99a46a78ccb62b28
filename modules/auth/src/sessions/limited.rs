//! Sessions of people who need a second factor in an organization and have none yet, and those of closed and suspended organizations.
//!
//! Such a session is *limited*: [`Context`] refuses it, so it reaches nothing but the few handlers that take [`AnySession`], which are about
//! the person's own account, and the one that takes [`ClosedSession`].
//! Whether it is limited is computed at each request, from rows that the cache keeps until they change: no column has to be kept true
//! when an organization's requirement or a person's second factor changes.

use serde::Serialize;
use tenfold::axum::extract::FromRequestParts;
use tenfold::axum::http::request::Parts;
use tenfold::http::{Credentials, Endpoint, Input, ServerState, StatusCode, Use};
use tenfold::prelude::*;
use utoipa::ToSchema;

use crate::service::Identity;

/// Why a session is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SessionLimit {
    /// Its person lacks the second factor that the organization requires.
    SecondFactor,
    /// The organization is closed.
    Closed,
    /// An operator has suspended the organization.
    Suspended,
}

impl SessionLimit {
    /// A missing second factor comes first: a person without one may not reopen the organization either.
    pub(crate) fn of(lacks_factor: bool, state: i64) -> Option<Self> {
        if lacks_factor { Some(SessionLimit::SecondFactor) } else { SessionLimit::of_organization(state) }
    }

    /// What limits everybody in an organization, by the number that the statements give.
    pub(crate) fn of_organization(state: i64) -> Option<Self> {
        match state {
            0 => None,
            1 => Some(SessionLimit::Closed),
            _ => Some(SessionLimit::Suspended),
        }
    }

    /// The refusal of such a session.
    pub(crate) fn refusal(self) -> Problem {
        let refusal = |title, detail| Problem::new(StatusCode::FORBIDDEN, self.kind(), title).detail(detail);
        match self {
            SessionLimit::SecondFactor => refusal(
                "A second factor must be set up",
                "this organization requires one: POST /v1/auth/totp, then POST /v1/auth/totp/confirm",
            ),
            SessionLimit::Closed => refusal(
                "The organization is closed",
                "it will be erased; until then an owner can reopen it: POST /v1/organization/reopen",
            ),
            SessionLimit::Suspended => {
                refusal("The organization is suspended", "ask those who run this service")
            }
        }
    }

    /// The reason for a refusal, if it is such a one.
    pub(crate) fn of_refusal(refusal: &Problem) -> Option<Self> {
        let all = [SessionLimit::SecondFactor, SessionLimit::Closed, SessionLimit::Suspended];
        all.into_iter().find(|limit| refusal.kind() == limit.refusal().kind())
    }

    fn kind(self) -> &'static str {
        match self {
            SessionLimit::SecondFactor => "second-factor-setup-required",
            SessionLimit::Closed => "organization-closed",
            SessionLimit::Suspended => "organization-suspended",
        }
    }
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
        if SessionLimit::of_refusal(&refusal).is_none() {
            return Err(refusal);
        }
        let credentials = Credentials::of(&parts.headers, state.settings().session_cookie());
        let credentials = credentials.ok_or_else(Problem::unauthenticated)?;
        let system = SystemContext::from_request_parts(parts, state).await?;
        let identity = Use::<Identity>::from_request_parts(parts, state).await?;
        let found = identity.limited_context(&system, &credentials.token).await?;
        // None for an API key, which is nobody's account.
        let Some((cx, limit)) = found else { return Err(refusal) };
        // The other extractors of this handler find it here.
        parts.extensions.insert(cx.clone());
        if let Some(limit) = limit {
            parts.extensions.insert(limit);
        }
        Ok(AnySession(cx))
    }
}

impl Input for AnySession {
    fn describe(endpoint: &mut Endpoint) {
        endpoint.needs_session();
    }
}

/// In a handler's signature, behind [`AnySession`]: why the session is limited, if it is.
pub(crate) struct LimitOfSession(pub Option<SessionLimit>);

impl FromRequestParts<ServerState> for LimitOfSession {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &ServerState) -> Result<Self, Problem> {
        Ok(LimitOfSession(parts.extensions.get::<SessionLimit>().copied()))
    }
}

impl Input for LimitOfSession {}

/// In a handler's signature, behind [`AnySession`]: the context of a session in a closed organization. A session in one that is not closed
/// is a 409.
pub(crate) struct ClosedSession(pub Context);

impl FromRequestParts<ServerState> for ClosedSession {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ServerState) -> Result<Self, Problem> {
        let AnySession(cx) = AnySession::from_request_parts(parts, state).await?;
        match parts.extensions.get::<SessionLimit>() {
            Some(SessionLimit::Closed) => Ok(ClosedSession(cx)),
            Some(other) => Err(other.refusal()),
            None => Err(Problem::conflict("the organization is not closed")),
        }
    }
}

impl Input for ClosedSession {
    fn describe(endpoint: &mut Endpoint) {
        endpoint.needs_session();
        endpoint.add_problem(409);
    }
}
