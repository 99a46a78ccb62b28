//! The OpenAPI document, and Swagger UI to read and try it. It works without internet access.

use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::header::CONTENT_TYPE;

use super::assets::Asset;

pub(super) const PAGE: &[Asset] = &[
    Asset::page("/docs", include_str!("../../assets/docs/index.html")),
    Asset::script("/docs/docs.js", include_str!("../../assets/docs/docs.js")),
    Asset::of("/docs/swagger-ui.css", "text/css; charset=utf-8", SWAGGER_UI_CSS).gzipped(),
    Asset::of("/docs/swagger-ui-bundle.js", "text/javascript; charset=utf-8", SWAGGER_UI).gzipped(),
];

/// Shared by the application's pages and the console, so each port has it.
pub(super) const LOOK: &[Asset] = &[Asset::style("/look.css", include_str!("../../assets/look.css"))];

const SWAGGER_UI: &[u8] = include_bytes!("../../assets/swagger-ui/swagger-ui-bundle.js.gz");
const SWAGGER_UI_CSS: &[u8] = include_bytes!("../../assets/swagger-ui/swagger-ui.css.gz");

pub(super) async fn document(document: Bytes) -> Response {
    ([(CONTENT_TYPE, "application/json")], document).into_response()
}
