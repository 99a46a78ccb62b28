//! Answers from memory: what HTTP alone costs.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

#[derive(Deserialize)]
struct Recorded {
    method: String,
    path: String,
    token: String,
    status: u16,
    body: String,
}

/// Answers by method, path with query, and token.
type Answers = HashMap<(Method, String, String), (StatusCode, Bytes)>;

/// Reads the answers of a file.
///
/// # Errors
/// When it is no such file.
pub fn routes(file: &Path) -> anyhow::Result<Router> {
    let recorded: Vec<Recorded> = serde_json::from_slice(&std::fs::read(file)?)?;
    let mut answers = Answers::new();
    for Recorded { method, path, token, status, body } in recorded {
        answers.insert(
            (method.parse()?, path, format!("Bearer {token}")),
            (StatusCode::from_u16(status)?, Bytes::from(body)),
        );
    }
    let answers = Arc::new(answers);
    // The body of a request is read whole, as everywhere.
    Ok(Router::new().fallback(move |method: Method, uri: Uri, headers: HeaderMap, _body: Bytes| {
        let answers = Arc::clone(&answers);
        async move { answer(&answers, method, &uri, &headers) }
    }))
}

fn answer(answers: &Answers, method: Method, uri: &Uri, headers: &HeaderMap) -> Response {
    let path = uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    match answers.get(&(method, path, token.unwrap_or_default().to_owned())) {
        Some((status, body)) => {
            (*status, [(header::CONTENT_TYPE, "application/json")], body.clone()).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
