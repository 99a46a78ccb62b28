//! What handlers take from a request and return; every refusal is a [`Problem`].

use axum::extract::path::ErrorKind;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::error::Category;
use utoipa::ToSchema;

use super::problem::Problem;
use super::query_text::allowed;
use super::schema::{Fault, faults};
use super::state::ServerState;
use super::strict::Strict;

/// JSON, in and out. In: 415 without the content type, 400 for invalid JSON, 413 for a body that is too long, 422 for
/// values that are not allowed; the problem's `errors` lists all of them, each with its place.
pub struct Json<T>(pub T);

impl<T: DeserializeOwned + ToSchema> FromRequest<ServerState> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &ServerState) -> Result<Self, Problem> {
        let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if !content_type.is_some_and(is_json) {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "media-type",
                "Unsupported media type",
            )
            .detail("send JSON, with the header Content-Type: application/json"));
        }
        let body = Bytes::from_request(request, state).await.map_err(|rejection| refuse_body(&rejection))?;
        read_json(&body).map(Json)
    }
}

/// `application/json`, with or without parameters, and `application/…+json`.
fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let subtype = essence.strip_prefix("application/");
    subtype.is_some_and(|subtype| subtype == "json" || subtype.ends_with("+json"))
}

fn refuse_body(rejection: &BytesRejection) -> Problem {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "Request body too large")
                .detail("it is larger than http.body_limit")
        }
        _ => Problem::broken_body(rejection),
    }
}

fn read_json<T: DeserializeOwned + ToSchema>(body: &[u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(Strict(&mut json)).map_err(|error| {
        let (path, cause) = (error.path(), error.inner());
        match cause.classify() {
            Category::Data => refuse_values::<T>(body, path, cause),
            Category::Syntax | Category::Eof | Category::Io => {
                Problem::bad_request(format!("the body is not JSON: {}", placed(cause)))
            }
        }
    })?;
    json.end().map_err(|error| {
        Problem::bad_request(format!("the body continues after its JSON: {}", placed(&error)))
    })?;
    Ok(value)
}

/// What is wrong, without the place in the text, which serde_json appends.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&place).map_or_else(|| text.clone(), str::to_owned)
}

/// What is wrong with a text that is not JSON, and where.
fn placed(error: &serde_json::Error) -> String {
    format!("line {}, column {}: {}", error.line(), error.column(), without_place(error))
}

/// Whether serde has written it: types of ours say more than the schema can.
fn is_of_serde(text: &str) -> bool {
    let beginnings = ["invalid type: ", "invalid value: ", "unknown field ", "unknown variant "];
    beginnings.iter().any(|beginning| text.starts_with(beginning))
}

/// What is wrong with a value, with plain words for Rust's types.
fn told(error: &serde_json::Error) -> String {
    let text = without_place(error);
    match text.rsplit_once(", expected ").filter(|_| is_of_serde(&text)) {
        Some((sent, expected)) => format!("{sent}, expected {}", allowed(expected)),
        None => text,
    }
}

/// Lists everything that is wrong, with the first fault in the detail.
fn refuse_values<T: ToSchema>(
    body: &[u8],
    path: &serde_path_to_error::Path,
    cause: &serde_json::Error,
) -> Problem {
    let mut all = serde_json::from_slice(body).map(|value| faults::<T>(&value)).unwrap_or_default();
    let told = told(cause);
    let first = Fault::new(&pointer(path), &told);
    // Where a library has written the text, the schema says it better.
    let is_better =
        |fault: &&Fault| fault.pointer == first.pointer && (fault.is_of_format || is_of_serde(&told));
    let better = all.iter().find(is_better).map(|fault| fault.detail.clone());
    let is_told = |fault: &Fault| {
        fault
            .pointer
            .strip_prefix(&first.pointer)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if !all.iter().any(is_told) {
        all.insert(0, first);
    }
    let place = path.to_string();
    let detail = if place == "." { told } else { format!("{place}: {}", better.unwrap_or(told)) };
    Problem::invalid(detail).errors(all)
}

/// The place as a JSON Pointer in a URI fragment.
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter().fold("#".to_owned(), |pointer, segment| match segment {
        Segment::Seq { index } => format!("{pointer}/{index}"),
        Segment::Map { key } => super::schema::inside(&pointer, key),
        Segment::Enum { .. } | Segment::Unknown => pointer,
    })
}

/// For a field that a PATCH may set to nothing: `#[serde(default, deserialize_with = "nullable")]` on an
/// `Option<Option<T>>` tells `null` (`Some(None)`) from a field that is left out (`None`), as JSON Merge Patch
/// does (RFC 7396).
///
/// # Errors
/// When the value is not a `T`.
pub fn nullable<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        let mut response = axum::Json(self.0).into_response();
        // A tenant's data must not stay in a shared cache.
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

/// 201 with the created resource and its location.
pub struct Created<T> {
    /// The path of the new resource.
    pub location: String,
    /// The new resource.
    pub body: T,
}

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        let mut response = (StatusCode::CREATED, Json(self.body)).into_response();
        if let Ok(location) = HeaderValue::try_from(self.location) {
            response.headers_mut().insert(LOCATION, location);
        }
        response
    }
}

/// 204: done, and there is nothing to say.
pub struct NoContent;

impl IntoResponse for NoContent {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

/// The parameters of a path; 400 when one has another form, such as an id that is not a UUID.
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<ServerState> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ServerState) -> Result<Self, Problem> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Path(value)),
            Err(rejection) => Err(refuse_path(rejection)),
        }
    }
}

/// Names the parameter and what it must be.
fn refuse_path(rejection: PathRejection) -> Problem {
    let PathRejection::FailedToDeserializePathParams(failed) = rejection else {
        return Problem::internal(rejection);
    };
    match failed.kind() {
        ErrorKind::ParseErrorAtKey { key, expected_type, .. } => {
            Problem::bad_request(format!("{key} is not {}", allowed(expected_type)))
        }
        ErrorKind::DeserializeError { key, message, .. } => {
            Problem::bad_request(match message.rsplit_once(", expected ") {
                Some((_, expected)) => format!("{key} is not {}", allowed(expected)),
                None if message.starts_with("UUID parsing failed") => format!("{key} is not a UUID"),
                None => format!("{key}: {message}"),
            })
        }
        ErrorKind::InvalidUtf8InPathParam { key } => {
            Problem::bad_request(format!("{key}: it must be UTF-8, each byte percent-encoded (RFC 3986)"))
        }
        // The handler asks for other parameters than its path has.
        _ if failed.status().is_server_error() => Problem::internal(failed),
        _ => Problem::bad_request("a parameter of the path has another form than the API's document says"),
    }
}
