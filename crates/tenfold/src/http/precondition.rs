//! Optimistic locking over HTTP: a resource has its row's version as `ETag`, and a client that changes it says with
//! `If-Match` which state it has seen (RFC 9110, sections 8.8.3 and 13.1.1).

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_MATCH};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use tenfold_data::write::Update;
use tenfold_data::{DataError, Versioned, Write};
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Required, schema::SchemaType};

use super::assets::names;
use super::problem::Problem;
use super::state::ServerState;

/// The pattern of [`IfMatch`] in the OpenAPI document.
const PATTERN: &str = concat!(
    r#"^[ \t]*(\*|[ \t,]*((W/)?"[!#-~\u0080-\u00ff]*""#,
    r#"([ \t]*,[ \t,]*(W/)?"[!#-~\u0080-\u00ff]*")*)?[ \t,]*)[ \t]*$"#
);

/// An answer with the version of the one row that it shows. Its content must depend on that row alone: the tag stays
/// the same when another row changes. A GET with `If-None-Match` that names the version gets 304 without the content.
pub struct Tagged<R> {
    version: i64,
    answer: R,
}

impl<R> Tagged<R> {
    /// The answer that shows `row`.
    pub fn by(row: &impl Versioned, answer: R) -> Self {
        Tagged { version: row.version(), answer }
    }
}

impl<R: IntoResponse> IntoResponse for Tagged<R> {
    fn into_response(self) -> Response {
        let mut response = self.answer.into_response();
        let tag = HeaderValue::try_from(tag_of(self.version)).expect("digits in quotes are a header's value");
        response.headers_mut().insert(ETAG, tag);
        response
    }
}

/// The answer, or 304 without its body if the client has its version (RFC 9110, section 13.1.2). `tags` is `If-None-Match`.
pub(super) fn unless_known(tags: &HeaderValue, answer: Response) -> Response {
    let tag = answer.headers().get(ETAG).and_then(|tag| tag.to_str().ok());
    if answer.status() != StatusCode::OK || !tag.is_some_and(|tag| names(tags, tag)) {
        return answer;
    }
    let (mut parts, _) = answer.into_parts();
    parts.status = StatusCode::NOT_MODIFIED;
    for name in [CONTENT_TYPE, CONTENT_LENGTH] {
        parts.headers.remove(name);
    }
    Response::from_parts(parts, Body::empty())
}

fn tag_of(version: i64) -> String {
    format!("\"{version}\"")
}

/// Which states of a resource the client has seen; any, if the header is missing. 400 for a malformed list of
/// entity tags.
///
/// A weak tag never matches, since it does not prove that the client has seen this exact state.
#[derive(Debug)]
pub struct IfMatch(Condition);

#[derive(Debug)]
enum Condition {
    Unsaid,
    Any,
    OneOf(Vec<Vec<u8>>),
}

impl IfMatch {
    /// For a resource that must not be changed blindly: 428 if the client does not name the version it has seen.
    ///
    /// # Errors
    /// The 428.
    pub fn required(self) -> Result<Self, Problem> {
        match self.0 {
            Condition::Unsaid => Err(Problem::precondition_required()),
            _ => Ok(self),
        }
    }

    /// Changes `row`, which the transaction has loaded, if the client has seen its current state. Without the header
    /// the change is always made, and the last one wins.
    ///
    /// # Errors
    /// 412 if the row has another version, also if it changes concurrently; otherwise the errors of [`Update::run`].
    #[track_caller]
    pub fn change<E: Versioned, W: Write<E::Owner>>(
        &self,
        tx: &W,
        row: &E,
        change: Update<E>,
    ) -> impl Future<Output = Result<(), Problem>> + Send + use<E, W> {
        let change = match &self.0 {
            Condition::Unsaid | Condition::Any => Ok(change.run(tx)),
            Condition::OneOf(seen) if seen.iter().any(|tag| *tag == tag_of(row.version()).as_bytes()) => {
                Ok(change.expect_version(row.version()).run(tx))
            }
            Condition::OneOf(_) => Err(Problem::precondition_failed()),
        };
        async move {
            change?.await.map_err(|error| match error {
                DataError::Stale { .. } => Problem::precondition_failed().cause(error),
                error => error.into(),
            })
        }
    }

    fn read(headers: &HeaderMap) -> Result<Self, Problem> {
        let lines: Vec<&[u8]> = headers.get_all(IF_MATCH).iter().map(HeaderValue::as_bytes).collect();
        if lines.is_empty() {
            return Ok(IfMatch(Condition::Unsaid));
        }
        let list = lines.join(&b", "[..]);
        if list.trim_ascii() == b"*" {
            return Ok(IfMatch(Condition::Any));
        }
        strong_tags(&list).map(|tags| IfMatch(Condition::OneOf(tags))).ok_or_else(|| {
            Problem::bad_request(
                "If-Match must be * or a list of entity tags in quotes, as in the response's ETag",
            )
        })
    }
}

/// The strong tags of a list, in their quotes; nothing if the list is malformed. An empty list is valid and matches no
/// state.
fn strong_tags(mut rest: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut strong = Vec::new();
    loop {
        // Empty elements are ignored (RFC 9110, section 5.6.1.2).
        while let [b' ' | b'\t' | b',', after @ ..] = rest {
            rest = after;
        }
        if rest.is_empty() {
            return Some(strong);
        }
        let tag = rest.strip_prefix(b"W/").unwrap_or(rest);
        let length = tag.strip_prefix(b"\"")?.iter().position(|byte| *byte == b'"')? + 2;
        if !tag[1..length - 1].iter().all(|byte| matches!(byte, 0x21 | 0x23..=0x7e | 0x80..)) {
            return None;
        }
        if tag.len() == rest.len() {
            strong.push(tag[..length].to_vec());
        }
        rest = tag[length..].trim_ascii_start();
        if !rest.is_empty() && !rest.starts_with(b",") {
            return None;
        }
    }
}

impl FromRequestParts<ServerState> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &ServerState) -> Result<Self, Problem> {
        IfMatch::read(&parts.headers)
    }
}

impl IntoParams for IfMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let tags = ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::String))
            .pattern(Some(PATTERN))
            .examples([serde_json::json!("\"3\"")]);
        let parameter = ParameterBuilder::new()
            .name(IF_MATCH.as_str())
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(
                "The ETag of the version you have seen: 412 if it has changed since. Without it the last write wins.",
            ))
            .schema(Some(tags));
        vec![parameter.build()]
    }
}
