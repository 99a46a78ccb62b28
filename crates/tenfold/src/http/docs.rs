//! The OpenAPI document, and a page to read and try it that works without internet.

use axum::Router;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};

use super::ServerState;

/// Scripts and styles only from here, no frames, no forms to elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src 'self' data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

pub(super) fn routes() -> Router<ServerState> {
    const HTML: &str = include_str!("../../assets/docs/index.html");
    const STYLE: &str = include_str!("../../assets/docs/docs.css");
    const SCRIPT: &str = include_str!("../../assets/docs/docs.js");
    Router::new()
        .route("/", get(async || Redirect::temporary("/docs")))
        .route("/docs", get(async || asset("text/html; charset=utf-8", HTML)))
        .route("/docs/docs.css", get(async || asset("text/css; charset=utf-8", STYLE)))
        .route("/docs/docs.js", get(async || asset("text/javascript; charset=utf-8", SCRIPT)))
}

pub(super) async fn document(document: Bytes) -> Response {
    ([(CONTENT_TYPE, "application/json")], document).into_response()
}

fn asset(content_type: &'static str, text: &'static str) -> Response {
    let headers =
        [(CONTENT_TYPE, content_type), (CONTENT_SECURITY_POLICY, POLICY), (CACHE_CONTROL, "no-cache")];
    (headers, text).into_response()
}
