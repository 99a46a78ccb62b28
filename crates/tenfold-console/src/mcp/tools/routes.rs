//! `routes`: the operations of the API.

use serde_json::{Value, json};

use crate::mcp::bounds::{TEXT, add_rows, cut};
use crate::mcp::input::{InputKind, ToolInput, limit};
use crate::mcp::tool::{McpTool, ToolCall, ToolEffect};

pub(super) const ROUTES: McpTool = McpTool {
    name: "routes",
    title: "Routes",
    about: "The operations of the API: method, path, name, what it does, whether it needs a session, and which permission. Pages are not \
            among them. GET /openapi.json has bodies and schemas.",
    inputs: &[
        ToolInput {
            name: "path",
            about: "Only paths that contain this text, such as /v1/users.",
            kind: InputKind::Text,
            required: false,
        },
        limit(50, 200),
    ],
    effect: ToolEffect::Reads,
};

/// The methods of HTTP that a document can have under a path.
const METHODS: [&str; 7] = ["get", "post", "put", "patch", "delete", "head", "options"];

pub(super) fn routes(call: &ToolCall<'_>) -> Value {
    let document: Value = serde_json::from_slice(call.caller.state.document()).unwrap_or_default();
    let part = call.arguments.text("path");
    let paths = document["paths"].as_object().into_iter().flatten();
    let paths = paths.filter(|(path, _)| part.is_none_or(|part| path.contains(part)));
    let rows = paths.flat_map(|(path, item)| {
        METHODS.into_iter().filter_map(move |method| Some(route(method, path, item.get(method)?)))
    });
    let mut answer = json!({});
    let most = call.arguments.number("limit");
    add_rows(&mut answer, "routes", rows, most, "give `path`, or a higher `limit`");
    answer
}

fn route(method: &str, path: &str, operation: &Value) -> Value {
    json!({
        "route": format!("{} {path}", method.to_uppercase()),
        "name": operation["operationId"],
        "about": cut(operation["summary"].as_str().unwrap_or_default(), TEXT),
        "session": operation["security"].as_array().is_some_and(|ways| !ways.is_empty()),
        "permission": operation["x-permission"],
    })
}
