//! The OpenAPI document, and a page to read and try it that works without internet.

use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::header::CONTENT_TYPE;

use super::assets::Asset;

pub(super) const PAGE: &[Asset] = &[
    Asset::page("/docs", include_str!("../../assets/docs/index.html")),
    // What the application's other pages link as well, so that all look alike.
    Asset::style("/look.css", include_str!("../../assets/look.css")),
    Asset::style("/docs/docs.css", include_str!("../../assets/docs/docs.css")),
    Asset::script("/docs/docs.js", include_str!("../../assets/docs/docs.js")),
];

pub(super) async fn document(document: Bytes) -> Response {
    ([(CONTENT_TYPE, "application/json")], document).into_response()
}
