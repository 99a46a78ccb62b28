//! What handlers take from a request and give back, with every refusal as a [`Problem`].

use std::fmt;
use std::ops::Deref;

use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::error::Category;
use tenfold_data::Page;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::{RefOr, schema::SchemaType};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::strict::Strict;
use super::{Problem, ServerState};

/// JSON, in and out. In: 415 without the content type, 400 when it is no JSON, 422 when a value is not allowed,
/// 413 when it is too long.
pub struct Json<T>(pub T);

impl<T: DeserializeOwned> FromRequest<ServerState> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &ServerState) -> Result<Self, Problem> {
        let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if !content_type.is_some_and(is_json) {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "media-type",
                "The body is of another type",
            )
            .detail("send JSON, with the header Content-Type: application/json"));
        }
        let body = Bytes::from_request(request, state).await.map_err(|rejection| refuse_body(&rejection))?;
        read_json(&body).map(Json)
    }
}

/// `application/json`, with parameters or not, and `application/…+json`.
fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let subtype = essence.strip_prefix("application/");
    subtype.is_some_and(|subtype| subtype == "json" || subtype.ends_with("+json"))
}

fn refuse_body(rejection: &BytesRejection) -> Problem {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too long")
                .detail("it is longer than http.body_limit allows")
        }
        _ => Problem::bad_request("the body broke off"),
    }
}

fn read_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(Strict(&mut json)).map_err(|error| {
        let (path, cause) = (error.path().to_string(), error.inner());
        match cause.classify() {
            Category::Data if path == "." => Problem::invalid(cause.to_string()),
            Category::Data => Problem::invalid(format!("{path}: {cause}")),
            Category::Syntax | Category::Eof | Category::Io => {
                Problem::bad_request(format!("the body is no JSON: {cause}"))
            }
        }
    })?;
    json.end().map_err(|error| Problem::bad_request(format!("the body goes on after its JSON: {error}")))?;
    Ok(value)
}

/// For a field that a PATCH may set to nothing: `#[serde(default, deserialize_with = "nullable")]` on an
/// `Option<Option<T>>` tells `null` (`Some(None)`) from a field that is left out (`None`), as JSON Merge Patch
/// does (RFC 7396).
///
/// # Errors
/// When the value is no `T`.
pub fn nullable<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        let mut response = axum::Json(self.0).into_response();
        // What a tenant sees must not stay in a shared cache.
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

/// 201 with what was made, and where it is from now on.
pub struct Created<T> {
    /// The path of the new thing.
    pub location: String,
    /// The new thing.
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

/// The parameters in a path; 400 when one is of another form, an id that is no UUID for one.
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<ServerState> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ServerState) -> Result<Self, Problem> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Path(value)),
            Err(rejection) => Err(Problem::bad_request(rejection.body_text())),
        }
    }
}

/// How a list is asked for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// How many items.
    #[serde(default = "default_limit")]
    #[param(minimum = 1, maximum = 1000, default = 50)]
    limit: u16,
    /// Where to go on: the `next_cursor` of the page before.
    #[param(min_length = 1)]
    cursor: Option<String>,
}

fn default_limit() -> u16 {
    50
}

/// The most items of one page.
const MAX_PAGE: u16 = 1000;

impl FromRequestParts<ServerState> for Page {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ServerState) -> Result<Self, Problem> {
        let query = axum::extract::Query::<PageQuery>::from_request_parts(parts, state).await;
        let query = query.map_err(|rejection| Problem::bad_request(rejection.body_text()))?.0;
        if !(1..=MAX_PAGE).contains(&query.limit) {
            return Err(Problem::bad_request(format!("limit={} is not from 1 to {MAX_PAGE}", query.limit)));
        }
        Ok(Page { limit: usize::from(query.limit), cursor: query.cursor })
    }
}

/// Text of `MIN` to `MAX` characters without control characters (a line break included); the OpenAPI document
/// says so too.
#[derive(Clone, PartialEq, Eq)]
pub struct Text<const MIN: usize, const MAX: usize>(String);

impl<const MIN: usize, const MAX: usize> Text<MIN, MAX> {
    /// The text.
    pub fn into_inner(self) -> String {
        self.0
    }
}

impl<const MIN: usize, const MAX: usize> Deref for Text<MIN, MAX> {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const MIN: usize, const MAX: usize> fmt::Debug for Text<MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // It may be a password.
        write!(f, "Text({} characters)", self.0.chars().count())
    }
}

impl<'de, const MIN: usize, const MAX: usize> Deserialize<'de> for Text<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let length = text.chars().count();
        if !(MIN..=MAX).contains(&length) {
            return Err(D::Error::custom(format!("text of {length} characters: {MIN} to {MAX} are allowed")));
        }
        if text.chars().any(char::is_control) {
            return Err(D::Error::custom("control characters are not allowed"));
        }
        Ok(Text(text))
    }
}

impl<const MIN: usize, const MAX: usize> PartialSchema for Text<MIN, MAX> {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::String))
            .min_length(Some(MIN))
            .max_length(Some(MAX))
            .pattern(Some(r"^[^\u0000-\u001f\u007f-\u009f]*$"))
            .into()
    }
}

impl<const MIN: usize, const MAX: usize> ToSchema for Text<MIN, MAX> {}
