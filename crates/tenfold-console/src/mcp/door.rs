//! `POST /console/mcp`: the protocol over HTTP (Streamable HTTP, without streams).

use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::extract::rejection::BytesRejection;
use axum::routing::{MethodRouter, post};
use serde_json::Value;
use tenfold::http::{HeaderMap, Response, ServerState, State, StatusCode};
use tenfold::jobs::Jobs;
use tenfold::prelude::*;
use tenfold::{ApplicationFacts, axum};

use super::message::{self, RpcError, RpcMessage, result};
use super::method;
use super::revision::{Generation, generation};
use super::tool::McpCaller;
use crate::agent::AgentOperator;
use crate::unrecorded::{unrecorded, unseen};

/// The longest body, in bytes.
const MOST_BYTES: usize = 64 * 1024;
/// The most messages of a batch.
const MOST_MESSAGES: usize = 20;

/// The route: only POST, since there is no stream to GET and no session to DELETE.
pub(crate) fn door() -> MethodRouter<ServerState> {
    post(serve).layer(DefaultBodyLimit::max(MOST_BYTES))
}

async fn serve(
    AgentOperator(operator): AgentOperator,
    cx: SystemContext,
    State(state): State<ServerState>,
    facts: Use<ApplicationFacts>,
    jobs: Use<Jobs>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let body = match body_of(&headers, body) {
        Ok(body) => body,
        Err(problem) => return unrecorded(problem),
    };
    let cx = cx.repeating("the messages of a batch have nothing to do with each other");
    let acting = operator.acting(cx.clone()).ok();
    let caller = McpCaller { state: &state, cx: &cx, jobs: &jobs, facts: &facts, acting: acting.as_ref() };
    let (status, answer) = match serde_json::from_slice(&body) {
        Err(error) => {
            let error = RpcError::parse(&error);
            (error.status, Some(error.answer(&Value::Null)))
        }
        Ok(Value::Array(messages)) => batch(messages, &headers, &caller).await,
        Ok(message) => one(message, &headers, &caller).await,
    };
    match answer {
        Some(answer) => unseen((status, axum::Json(answer))),
        None => unseen(status),
    }
}

fn body_of(headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<Bytes, Problem> {
    let kind = headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        let refused =
            Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", "Unsupported media type");
        return Err(refused.detail("send JSON-RPC, with the header Content-Type: application/json"));
    }
    body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "Request body too large")
                .detail("a message has at most 64 KiB, and no more than http.body_limit")
        }
        _ => Problem::broken_body(&rejection),
    })
}

/// Answers one message with its status; a notification gets a 202 and no body.
async fn one(message: Value, headers: &HeaderMap, caller: &McpCaller<'_>) -> (StatusCode, Option<Value>) {
    let request = match message::read(message) {
        Ok(RpcMessage::Request(request)) => request,
        Ok(RpcMessage::Unanswered) => return (StatusCode::ACCEPTED, None),
        Err((id, error)) => return (error.status, Some(error.answer(&id))),
    };
    let spoken = match generation(&request, headers) {
        Ok(spoken) => spoken,
        Err(error) => return (error.status, Some(error.answer(&request.id))),
    };
    match method::answer(&request, spoken, caller).await {
        Ok(answer) => (StatusCode::OK, Some(result(&request.id, &answer))),
        // Before 2026-07-28 a 404 means that a session has ended.
        Err(error) if spoken == Generation::Handshake => (StatusCode::OK, Some(error.answer(&request.id))),
        Err(error) => (error.status, Some(error.answer(&request.id))),
    }
}

/// Answers the messages of a batch, one after the other. Revision 2025-03-26 has batches; a client of a later one sends none.
async fn batch(
    messages: Vec<Value>,
    headers: &HeaderMap,
    caller: &McpCaller<'_>,
) -> (StatusCode, Option<Value>) {
    if messages.is_empty() || messages.len() > MOST_MESSAGES {
        let error = RpcError::invalid_request(format!("a batch has 1 to {MOST_MESSAGES} messages"));
        return (error.status, Some(error.answer(&Value::Null)));
    }
    let mut answers = Vec::new();
    for message in messages {
        answers.extend(one(message, headers, caller).await.1);
    }
    if answers.is_empty() {
        (StatusCode::ACCEPTED, None)
    } else {
        (StatusCode::OK, Some(Value::Array(answers)))
    }
}
