//! Pages for browsers: files compiled into the binary, HTML that a handler writes, and the policy for both.
//!
//! A page loads everything from this origin: no script, style, picture or connection from elsewhere, and no inline
//! script or style. So user text that reaches the markup by mistake still runs nothing.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::state::Routes;

/// What our pages may do (Content Security Policy, level 3): load everything from here, nothing from elsewhere,
/// and not be framed.
pub const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                               img-src 'self' data: blob:; form-action 'self'; base-uri 'none'; \
                               frame-ancestors 'none'";

/// A file that is part of the binary, and where it is served.
///
/// ```ignore
/// const PAGE: &[Asset] = &[
///     Asset::page("/", include_str!("../page/index.html")),
///     Asset::style("/page/page.css", include_str!("../page/page.css")),
///     Asset::script("/page/page.js", include_str!("../page/page.js")),
/// ];
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Asset {
    path: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
    is_gzipped: bool,
}

impl Asset {
    /// A page of HTML; its scripts and styles are assets of their own.
    pub const fn page(path: &'static str, html: &'static str) -> Self {
        Asset::of(path, "text/html; charset=utf-8", html.as_bytes())
    }

    /// A style sheet.
    pub const fn style(path: &'static str, css: &'static str) -> Self {
        Asset::of(path, "text/css; charset=utf-8", css.as_bytes())
    }

    /// A script or a module of one.
    pub const fn script(path: &'static str, script: &'static str) -> Self {
        Asset::of(path, "text/javascript; charset=utf-8", script.as_bytes())
    }

    /// Any other file, such as a picture.
    pub const fn of(path: &'static str, content_type: &'static str, bytes: &'static [u8]) -> Self {
        Asset { path, content_type, bytes, is_gzipped: false }
    }

    /// The bytes are compressed with gzip and sent that way: every browser accepts it.
    pub const fn gzipped(self) -> Self {
        Asset { is_gzipped: true, ..self }
    }
}

/// Routes for these files, which are not part of the OpenAPI document.
///
/// Browsers may cache them but must revalidate each time, which costs a 304: a page never runs with the scripts
/// of an older version.
pub fn assets(list: &'static [Asset]) -> Routes {
    list.iter().fold(Routes::new(), |routes, asset| {
        let etag = etag(asset.bytes);
        let answer = async move |headers: HeaderMap| serve(asset, &etag, &headers);
        routes.route(asset.path, get(answer))
    })
}

/// A page of HTML that a handler wrote for this one request: not cached, and under the same policy as an [`Asset`].
#[derive(Clone, Debug)]
pub struct Html(pub String);

impl IntoResponse for Html {
    fn into_response(self) -> Response {
        let kind = [(CONTENT_TYPE, "text/html; charset=utf-8"), (CACHE_CONTROL, "no-store")];
        (page_headers(), kind, self.0).into_response()
    }
}

/// Whether the client has the version with this tag, weak or strong (RFC 9110, section 13.1.2).
pub fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    headers.get(IF_NONE_MATCH).is_some_and(|tags| names(tags, etag))
}

/// Whether `If-None-Match` names this tag, weak or strong.
pub(super) fn names(tags: &HeaderValue, etag: &str) -> bool {
    let tags = tags.to_str().unwrap_or_default();
    tags.split(',').map(str::trim).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

fn serve(asset: &'static Asset, etag: &HeaderValue, headers: &HeaderMap) -> Response {
    let kept = [(ETAG, etag.clone()), (CACHE_CONTROL, HeaderValue::from_static("no-cache"))];
    if is_known(headers, etag.to_str().unwrap_or_default()) {
        return (StatusCode::NOT_MODIFIED, page_headers(), kept).into_response();
    }
    let kind = [(CONTENT_TYPE, asset.content_type)];
    let mut answer = (page_headers(), kept, kind, Bytes::from_static(asset.bytes)).into_response();
    if asset.is_gzipped {
        answer.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    answer
}

/// `same-origin`, not `no-referrer`: `no-referrer` would make a form's `Origin` `null`, as if it came from
/// another site.
fn page_headers() -> [(HeaderName, &'static str); 3] {
    [
        (CONTENT_SECURITY_POLICY, PAGE_POLICY),
        (REFERRER_POLICY, "same-origin"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ]
}

/// Differs when the bytes do; the same in all processes of one build.
fn etag(bytes: &[u8]) -> HeaderValue {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    let tag = format!("\"{:016x}\"", hasher.finish());
    HeaderValue::try_from(tag).expect("hex digits in quotes are a header's value")
}
