//! The one shape of an error answer: RFC 9457, `application/problem+json`.

mod conversions;

use std::borrow::Cow;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

pub use self::conversions::OnConflict;
use super::buffers::{BufferRefusal, BytesOf};
use super::pace::BodyError;
use super::schema::Fault;

/// The longest detail, in bytes of JSON: with the rest of the problem around it less than 4 KiB.
const LONGEST_DETAIL: usize = 3 * 1024;
/// The most bytes of a detail and the list of faults beside it, as JSON.
const LONGEST_LIST: usize = LONGEST_DETAIL + 512;

/// An error for clients. It says what was wrong and what is allowed, and reveals no internals.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// What kind of problem it is, as a stable URN: `urn:tenfold:problem:not-found`.
    #[serde(rename = "type")]
    #[schema(value_type = String, example = "urn:tenfold:problem:not-found")]
    kind: Cow<'static, str>,
    /// The kind of problem in a few words.
    title: &'static str,
    /// The HTTP status.
    #[serde(serialize_with = "status_number")]
    #[schema(value_type = u16, example = 404)]
    status: StatusCode,
    /// What was wrong, and what is allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    detail: Option<String>,
    /// All faults of the body, with their places.
    #[serde(skip_serializing_if = "<[Fault]>::is_empty")]
    #[schema(required = false)]
    errors: Box<[Fault]>,
    /// Seconds after which the same request may succeed.
    #[serde(skip)]
    #[schema(ignore)]
    retry_after: Option<Duration>,
    /// What really happened, for the log; clients never see it.
    #[serde(skip)]
    #[schema(ignore)]
    cause: Option<Cause>,
    /// Whose bytes it is refused for, if it is. The answer's extensions say it, too.
    #[serde(skip)]
    #[schema(ignore)]
    refused_for: Option<BytesOf>,
}

#[derive(Debug)]
struct Cause(Box<dyn std::error::Error + Send + Sync>);

fn status_number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

impl Problem {
    /// A problem of this status; `kind` is the last part of its URN, in kebab-case, and stable.
    pub fn new(status: StatusCode, kind: &'static str, title: &'static str) -> Self {
        Problem {
            kind: Cow::Owned(format!("urn:tenfold:problem:{kind}")),
            title,
            status,
            detail: None,
            errors: Box::default(),
            retry_after: None,
            cause: None,
            refused_for: None,
        }
    }

    /// Says what was wrong this time, and what is allowed. What a client sent may be in it, so the middle is cut out
    /// where it would be longer than 3 KiB in JSON, and it says so.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(cut(detail.into()));
        self
    }

    /// Lists the faults of the body, as many as have room beside the detail: what a client sent may be in them.
    pub(super) fn errors(mut self, errors: Vec<Fault>) -> Self {
        let mut room = LONGEST_LIST.saturating_sub(json_length(&self.detail));
        let has_room = |fault: &Fault| {
            let length = json_length(fault) + 1;
            let fits = length <= room;
            room = room.saturating_sub(length);
            fits
        };
        self.errors = errors.into_iter().take_while(has_room).collect();
        self
    }

    /// Says when the same request may succeed.
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// Keeps what really happened, for the log.
    pub fn cause(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.cause = Some(Cause(cause.into()));
        self
    }

    /// What kind of problem it is, as a URN.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// 400: the request cannot be understood.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::BAD_REQUEST, "bad-request", "Malformed request").detail(detail)
    }

    /// The body of a request was not read to its end: 408 when its client was too slow, 503 when there was no room for it, else
    /// 400.
    pub fn broken_body(error: &(dyn std::error::Error + 'static)) -> Self {
        let too_slow = std::iter::successors(Some(error), |error| error.source())
            .find_map(|error| error.downcast_ref::<BodyError>())
            .filter(|error| !matches!(error, BodyError::Broken(_)));
        match too_slow {
            Some(BodyError::NoRoom(why)) => Problem::no_room(*why),
            Some(why) => Problem::new(StatusCode::REQUEST_TIMEOUT, "too-slow", "Request body timed out")
                .detail(why.to_string()),
            None => Problem::bad_request("the body ended too early"),
        }
    }

    /// 401: there is no session, or it has ended.
    pub fn unauthenticated() -> Self {
        Problem::new(StatusCode::UNAUTHORIZED, "unauthenticated", "Sign-in required")
            .detail("send `Authorization: Bearer TOKEN` with a token from POST /v1/auth/sign-in")
    }

    /// 403: the signed-in user lacks the permission.
    pub fn forbidden(permission: &str) -> Self {
        Problem::new(StatusCode::FORBIDDEN, "forbidden", "Permission denied")
            .detail(format!("this requires the permission {permission}"))
    }

    /// 404: there is no such resource in this organization. One of another organization gets the same answer.
    pub fn not_found(what: &str) -> Self {
        Problem::new(StatusCode::NOT_FOUND, "not-found", "Not found").detail(format!("no such {what}"))
    }

    /// 409: something else is in the way.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::CONFLICT, "conflict", "Conflict").detail(detail)
    }

    /// 409: it has changed since the client saw it.
    pub fn stale() -> Self {
        let title = "The resource has changed";
        Problem::new(StatusCode::CONFLICT, "stale", title).detail("load it again, then repeat the change")
    }

    /// 412: it is in another state than the client has seen, and says it must be in.
    pub fn precondition_failed() -> Self {
        let title = "The resource has changed";
        Problem::new(StatusCode::PRECONDITION_FAILED, "precondition-failed", title)
            .detail("no version in If-Match is the current one: load it again, then repeat the change")
    }

    /// 428: the client must say which state it has seen.
    pub fn precondition_required() -> Self {
        let title = "If-Match is required";
        Problem::new(StatusCode::PRECONDITION_REQUIRED, "precondition-required", title)
            .detail("send If-Match with the ETag of the response you loaded")
    }

    /// 422: the request is understood, but a value is not allowed.
    pub fn invalid(detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", "Invalid value").detail(detail)
    }

    /// 503: a bound is reached; the same request may succeed later.
    pub fn overloaded(after: Duration) -> Self {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "The service is busy").retry_after(after)
    }

    /// 503: no more bytes are held for clients.
    pub(super) fn no_room(why: BufferRefusal) -> Self {
        let problem = Problem::overloaded(Duration::from_secs(1)).detail(why.to_string());
        Problem { refused_for: Some(why.bytes_of()), ..problem }
    }

    /// 503: the request took longer than it may.
    pub fn deadline(limit: Duration) -> Self {
        Problem::too_long().detail(format!("it was cancelled after {limit:?} (http.deadline)"))
    }

    /// 503: the request took longer than its client waits.
    pub(super) fn clients_deadline(limit: Duration, header: &str) -> Self {
        Problem::too_long().detail(format!("it was cancelled after {limit:?}, as {header} says"))
    }

    /// 503: a part of the request took longer than it may.
    fn too_long() -> Self {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "deadline", "The request took too long")
            .retry_after(Duration::from_secs(1))
    }

    /// 500: our fault. The cause goes to the log with the trace id.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal error")
            .detail("the log has the details under this response's X-Request-Id")
            .cause(cause)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        // The boundary: a cause is logged here, once.
        if let Some(Cause(cause)) = &self.cause {
            let error = chain(cause.as_ref());
            if self.status.is_server_error() && self.refused_for.is_none() {
                tracing::error!(problem = %self.kind, error, "request failed");
            } else {
                tracing::debug!(problem = %self.kind, error, "request refused");
            }
        }
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (self.status, body).into_response();
        if let Some(bytes) = self.refused_for {
            response.extensions_mut().insert(bytes);
        }
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(after) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(http::header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// So many bytes it is as JSON.
fn json_length(value: &impl Serialize) -> usize {
    serde_json::to_string(value).map_or(0, |text| text.len())
}

/// The text, or its beginning and its end, which mostly says what is allowed, in so many bytes of JSON.
fn cut(text: String) -> String {
    if text.len() <= LONGEST_DETAIL / 6 {
        return text;
    }
    let end = fits(text.chars(), LONGEST_DETAIL);
    if end == text.len() {
        return text;
    }
    let head = fits(text.chars(), LONGEST_DETAIL / 4 * 3);
    let tail = text.len() - fits(text.chars().rev(), LONGEST_DETAIL / 4);
    format!("{}… (cut here; it has {} bytes) …{}", &text[..head], text.len(), &text[tail..])
}

/// How many bytes of the text's characters fit into so many bytes of JSON.
fn fits(characters: impl Iterator<Item = char>, most: usize) -> usize {
    let (mut plain, mut escaped) = (0, 0);
    for character in characters {
        escaped += match character {
            '"' | '\\' | '\n' | '\r' | '\t' => 2,
            control if control < ' ' => 6,
            other => other.len_utf8(),
        };
        if escaped > most {
            break;
        }
        plain += character.len_utf8();
    }
    plain
}

/// An error and its sources, in one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let part = error.to_string();
        if !text.ends_with(&part) {
            text = format!("{text}: {part}");
        }
        source = error.source();
    }
    text
}
