//! JSON-RPC 2.0: requests, notifications and errors.

use serde_json::{Map, Value, json};
use tenfold::http::StatusCode;

/// The body is no JSON.
const PARSE_ERROR: i64 = -32700;
/// The JSON is no request.
const INVALID_REQUEST: i64 = -32600;
/// There is no such method.
const METHOD_NOT_FOUND: i64 = -32601;
/// The method does not take these parameters.
const INVALID_PARAMS: i64 = -32602;

/// A message of a client.
pub(super) enum RpcMessage {
    Request(RpcRequest),
    /// A notification, or an answer to a request that this server never sends: nothing answers it.
    Unanswered,
}

/// A request.
pub(super) struct RpcRequest {
    /// A text or a whole number.
    pub id: Value,
    pub method: String,
    /// Empty if there are none.
    pub params: Map<String, Value>,
}

/// An error that answers a request, with the HTTP status for it if it is sent alone.
#[derive(Debug)]
pub(super) struct RpcError {
    pub status: StatusCode,
    code: i64,
    message: String,
    data: Option<Value>,
}

impl RpcError {
    pub(super) fn new(status: StatusCode, code: i64, message: impl Into<String>) -> Self {
        RpcError { status, code, message: message.into(), data: None }
    }

    pub(super) fn parse(error: &serde_json::Error) -> Self {
        let message = format!("the body is no JSON: {error}");
        RpcError::new(StatusCode::BAD_REQUEST, PARSE_ERROR, message)
    }

    pub(super) fn invalid_request(message: impl Into<String>) -> Self {
        RpcError::new(StatusCode::BAD_REQUEST, INVALID_REQUEST, message)
    }

    pub(super) fn method_not_found(method: &str, known: &[&str]) -> Self {
        let message = format!("there is no method `{method}`; there are {}", known.join(", "));
        RpcError::new(StatusCode::NOT_FOUND, METHOD_NOT_FOUND, message)
    }

    pub(super) fn invalid_params(message: impl Into<String>) -> Self {
        RpcError::new(StatusCode::BAD_REQUEST, INVALID_PARAMS, message)
    }

    pub(super) fn with_data(mut self, data: Value) -> Self {
        self.data = Some(data);
        self
    }

    /// The answer; `id` is null where the request's could not be read.
    pub(super) fn answer(&self, id: &Value) -> Value {
        let mut error = json!({"code": self.code, "message": self.message});
        if let Some(data) = &self.data {
            error["data"] = data.clone();
        }
        json!({"jsonrpc": "2.0", "id": id, "error": error})
    }
}

/// The answer to a request that was done.
pub(super) fn result(id: &Value, result: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "result": result})
}

/// Reads one message.
///
/// # Errors
/// The error, and the id as far as there is one.
pub(super) fn read(message: Value) -> Result<RpcMessage, (Value, RpcError)> {
    let Value::Object(mut fields) = message else {
        return Err((Value::Null, RpcError::invalid_request("a message is a JSON object")));
    };
    let id = fields.remove("id");
    let is_id = |id: &Value| id.is_string() || id.is_i64() || id.is_u64();
    let told = id.clone().filter(is_id).unwrap_or(Value::Null);
    let refuse = |message: &str| Err((told.clone(), RpcError::invalid_request(message)));
    if fields.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return refuse("`jsonrpc` must be \"2.0\"");
    }
    let method = match fields.remove("method") {
        Some(Value::String(method)) => method,
        None if fields.contains_key("result") || fields.contains_key("error") => {
            return Ok(RpcMessage::Unanswered);
        }
        _ => return refuse("`method` must be a text"),
    };
    let Some(id) = id else { return Ok(RpcMessage::Unanswered) };
    if !is_id(&id) {
        return refuse("`id` must be a text or a whole number");
    }
    let params = match fields.remove("params") {
        Some(Value::Object(params)) => params,
        None => Map::new(),
        Some(_) => return Err((id, RpcError::invalid_params("`params` must be an object"))),
    };
    Ok(RpcMessage::Request(RpcRequest { id, method, params }))
}
