//! Authentication and permissions: the extractors in a handler's signature.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode};
use tenfold_data::{Context, Scope, SystemContext};

use super::cors::FromAllowedOrigin;
use super::origins::Origins;
use super::problem::Problem;
use super::state::ServerState;

/// The token that a request carries.
pub struct Credentials {
    /// The token.
    pub token: String,
    /// Whether it came in a cookie: a browser sends a cookie by itself, so another site may have caused the request.
    pub by_cookie: bool,
}

impl Credentials {
    /// Reads `Authorization: Bearer` first, then the cookie of exactly this name. On https a cookie without the
    /// prefix may have been planted by a subdomain or over a plain connection.
    pub fn of(headers: &HeaderMap, cookie: &str) -> Option<Self> {
        if let Some(value) = headers.get(AUTHORIZATION) {
            let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
            let bearer = scheme.eq_ignore_ascii_case("bearer");
            return bearer.then(|| Credentials { token: token.trim().to_owned(), by_cookie: false });
        }
        let token = self::cookie(headers, cookie)?;
        Some(Credentials { token: token.to_owned(), by_cookie: true })
    }
}

/// The value of a cookie of a request; the first one of several.
pub fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs =
        cookies.flat_map(|header| header.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// Refuses a request that a page of another site made the browser send, whatever `http.origins` lists.
///
/// `Sec-Fetch-Site` decides where the browser sends it (all do since 2023, to https and to loopback). Otherwise
/// `Origin` decides: it must be the service's own, by scheme, host and port. A cookie without either header does not
/// come from a supported browser; such a client can send `Authorization` instead. Safe methods pass, since they change
/// nothing.
///
/// # Errors
/// 403 `cross-site`.
pub fn refuse_cross_site(origins: &Origins, method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    if method.is_safe() {
        return Ok(());
    }
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let is_own = match (text("sec-fetch-site"), text(ORIGIN.as_str())) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => text(HOST.as_str()).is_some_and(|host| origins.is_own(origin, host)),
        (None, None) => false,
    };
    if is_own {
        return Ok(());
    }
    Err(Problem::new(StatusCode::FORBIDDEN, "cross-site", "Cross-site request").detail(
        "a browser must send this from a page of this origin, or of one listed in http.origins; other clients send \
         Authorization and no cookie",
    ))
}

/// The same check for an API route, which pages of `http.origins` may use as well.
fn refuse_unlisted(parts: &Parts, state: &ServerState) -> Result<(), Problem> {
    if parts.extensions.get::<FromAllowedOrigin>().is_some() {
        return Ok(());
    }
    refuse_cross_site(&state.settings().origins, &parts.method, &parts.headers)
}

/// In the signature of a handler that opens a session: refuses a page of another site, which could sign its visitor in
/// to the attacker's account (login CSRF). A request without `Sec-Fetch-Site` and `Origin` does not come from a
/// browser and passes. On routes of the OpenAPI document, pages of `http.origins` count as the service's own.
pub struct OwnOrigin;

impl FromRequestParts<ServerState> for OwnOrigin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ServerState) -> Result<Self, Problem> {
        if parts.headers.contains_key("sec-fetch-site") || parts.headers.contains_key(ORIGIN) {
            refuse_unlisted(parts, state)?;
        }
        Ok(OwnOrigin)
    }
}

/// The request's scope, made by the outermost layer.
fn scope(parts: &Parts) -> Arc<Scope> {
    parts.extensions.get::<Arc<Scope>>().cloned().expect("the outermost layer gives every request a scope")
}

impl FromRequestParts<ServerState> for SystemContext {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &ServerState) -> Result<Self, Problem> {
        Ok(SystemContext::new(scope(parts)))
    }
}

impl FromRequestParts<ServerState> for Context {
    type Rejection = Problem;

    /// Authenticates once per request, however many extractors need it.
    async fn from_request_parts(parts: &mut Parts, state: &ServerState) -> Result<Self, Problem> {
        if let Some(cx) = parts.extensions.get::<Context>() {
            return Ok(cx.clone());
        }
        let credentials = Credentials::of(&parts.headers, state.settings().session_cookie())
            .ok_or_else(Problem::unauthenticated)?;
        if credentials.by_cookie {
            refuse_unlisted(parts, state)?;
        }
        let system = SystemContext::new(scope(parts));
        let found = state.authenticator().authenticate(&system, &credentials.token).await?;
        let cx = found.ok_or_else(Problem::unauthenticated)?;
        if let Some(principal) = cx.principal() {
            let span = tracing::Span::current();
            span.record("tenfold.organization", tracing::field::display(cx.tenant()));
            span.record("user.id", tracing::field::display(principal.user));
            state.telemetry().acts_for(cx.trace().span_id, cx.tenant(), Some(principal.user));
        }
        parts.extensions.insert(cx.clone());
        Ok(cx)
    }
}
