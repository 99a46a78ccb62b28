//! Pages of other origins: the CORS headers of preflights and responses (Fetch standard, section 3.2).
//!
//! Other origins may use only what the OpenAPI document lists, not the pages, the console or the metrics. Decision
//! 34 says why.

use std::collections::HashSet;
use std::sync::Arc;

use axum::extract::{MatchedPath, Request};
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, HOST, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::origins::Origins;

/// Response headers that scripts of other origins may read, besides the safelisted ones.
const EXPOSED: &str = "Accept-Ranges, Allow, Content-Disposition, Content-Range, ETag, Location, Retry-After, \
    Server-Timing, traceparent, WWW-Authenticate, X-Request-Id";
/// The methods of the API's operations.
const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";
/// Seconds for which a browser may cache a preflight: an origin that was removed from the list loses access after
/// at most this long.
const MAX_AGE: &str = "600";

/// The paths that pages of other origins may use, as the router writes them.
#[derive(Clone)]
pub(super) struct SharedPaths(Arc<HashSet<String>>);

impl SharedPaths {
    /// The paths of the document, and the document's own.
    pub(super) fn of<'a>(described: impl Iterator<Item = &'a String>) -> Self {
        let paths = described.filter(|path| *path != "/metrics").cloned();
        SharedPaths(Arc::new(paths.chain(["/openapi.json".to_owned()]).collect()))
    }

    /// A path without a route has nothing to hide, and the script that asked should see its 404.
    fn has(&self, path: Option<&MatchedPath>) -> bool {
        path.is_none_or(|path| self.0.contains(path.as_str()))
    }
}

/// In the extensions of a request: it comes from a page that may use the API as the service's own pages may.
#[derive(Clone, Copy)]
pub(super) struct FromAllowedOrigin;

/// How a request's origin affects its answer.
pub(super) enum Cors {
    /// No other origin may use this.
    Unshared,
    /// Other origins may use this; this origin may not, or the request names none.
    Unnamed,
    /// A page of this origin may read the answer.
    Allowed(HeaderValue),
}

impl Cors {
    /// Classifies a request; its `Host` must be set.
    pub(super) fn of(origins: &Origins, shared: &SharedPaths, request: &Request) -> Self {
        if !origins.lets_others_in() || !shared.has(request.extensions().get::<MatchedPath>()) {
            return Cors::Unshared;
        }
        let text = |name| request.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        match (request.headers().get(ORIGIN), text(&ORIGIN), text(&HOST)) {
            (Some(value), Some(origin), Some(host)) if origins.may_use_the_api(origin, host) => {
                Cors::Allowed(value.clone())
            }
            _ => Cors::Unnamed,
        }
    }

    pub(super) fn is_allowed(&self) -> bool {
        matches!(self, Cors::Allowed(_))
    }

    /// The answer to a preflight, which only the browser sees. It needs no session and reaches no handler.
    pub(super) fn preflight(&self, request: &Request) -> Option<Response> {
        let asks = request.method() == Method::OPTIONS
            && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        if !asks || !self.is_allowed() {
            return None;
        }
        let mut response = StatusCode::NO_CONTENT.into_response();
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE));
        // Any header that a module reads: an origin that may act for a user may send what that user could send.
        if let Some(wanted) = request.headers().get(ACCESS_CONTROL_REQUEST_HEADERS) {
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
        }
        Some(response)
    }

    /// Sets which origin may read the response, and tells caches that it depends on the origin.
    pub(super) fn finish(self, headers: &mut HeaderMap) {
        if matches!(self, Cors::Unshared) {
            return;
        }
        headers.append(VARY, HeaderValue::from_static("origin"));
        if let Cors::Allowed(origin) = self {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
        }
    }
}
