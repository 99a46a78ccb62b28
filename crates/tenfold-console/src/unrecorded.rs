//! Answers that the console's own figures leave out: a question is not a part of what it asks about.

use tenfold::axum::http::HeaderValue;
use tenfold::http::{IntoResponse, Response, Unrecorded, header};

/// The answer, which telemetry does not record.
pub(crate) fn unrecorded(answer: impl IntoResponse) -> Response {
    let mut response = answer.into_response();
    response.extensions_mut().insert(Unrecorded);
    response
}

/// The same for an answer that no cache may keep.
pub(crate) fn unseen(answer: impl IntoResponse) -> Response {
    let mut response = unrecorded(answer);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
