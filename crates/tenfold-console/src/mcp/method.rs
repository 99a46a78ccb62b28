//! The methods: what a client asks for.

use serde_json::{Map, Value, json};
use tenfold::ApplicationFacts;

use super::message::{RpcError, RpcRequest};
use super::revision::{Generation, MODERN, negotiate};
use super::tool::{McpCaller, ToolFault};
use super::{bounds, tools};

/// The methods of revision 2026-07-28.
const MODERN_METHODS: [&str; 3] = ["server/discover", "tools/list", "tools/call"];
/// Those of the revisions before.
const HANDSHAKE_METHODS: [&str; 4] = ["initialize", "ping", "tools/list", "tools/call"];

/// For how long a client may keep the list of tools, which changes with the program: a minute.
const TTL_MS: u64 = 60_000;

/// What the server is for, which clients show to their model.
const INSTRUCTIONS: &str = "What this running application does and what is wrong with it. Begin with `why`: it names the endpoint, the \
     statement with file and line, the organizations and the change before it. `statements` and `trace` show the evidence. All figures \
     are of this process. `retry_job` and `cancel_job` change something: ask the person first.";

/// Answers a request.
///
/// # Errors
/// There is no such method or tool, or its parameters are wrong.
pub(super) async fn answer(
    request: &RpcRequest,
    generation: Generation,
    caller: &McpCaller<'_>,
) -> Result<Value, RpcError> {
    let result = match (&*request.method, generation) {
        ("initialize", Generation::Handshake) => initialize(&request.params, caller.facts),
        ("ping", Generation::Handshake) => json!({}),
        ("server/discover", Generation::Modern) => cacheable(discover()),
        ("tools/list", generation) => {
            let listed = json!({"tools": tools::described()});
            if generation == Generation::Modern { cacheable(listed) } else { listed }
        }
        ("tools/call", _) => call(&request.params, caller).await?,
        (other, Generation::Modern) => return Err(RpcError::method_not_found(other, &MODERN_METHODS)),
        (other, Generation::Handshake) => return Err(RpcError::method_not_found(other, &HANDSHAKE_METHODS)),
    };
    Ok(if generation == Generation::Modern { complete(result, caller.facts) } else { result })
}

fn initialize(params: &Map<String, Value>, facts: &ApplicationFacts) -> Value {
    let asked = params.get("protocolVersion").and_then(Value::as_str);
    json!({
        "protocolVersion": negotiate(asked),
        "capabilities": {"tools": {}},
        "serverInfo": server_info(facts),
        "instructions": INSTRUCTIONS,
    })
}

fn discover() -> Value {
    json!({"supportedVersions": [MODERN], "capabilities": {"tools": {}}, "instructions": INSTRUCTIONS})
}

fn server_info(facts: &ApplicationFacts) -> Value {
    json!({"name": facts.name, "version": facts.version})
}

/// A result that a client may keep, for itself: it was asked for with an operator's token.
fn cacheable(mut result: Value) -> Value {
    result["ttlMs"] = json!(TTL_MS);
    result["cacheScope"] = json!("private");
    result
}

/// A result as revision 2026-07-28 has it.
fn complete(mut result: Value, facts: &ApplicationFacts) -> Value {
    result["resultType"] = json!("complete");
    result["_meta"] = json!({"io.modelcontextprotocol/serverInfo": server_info(facts)});
    result
}

/// Calls a tool. What is wrong with its arguments is a result that says so, so that the agent can mend it.
async fn call(params: &Map<String, Value>, caller: &McpCaller<'_>) -> Result<Value, RpcError> {
    let Some(name) = params.get("name").and_then(Value::as_str) else {
        return Err(RpcError::invalid_params("`name` must be the name of a tool"));
    };
    let Some(tool) = tools::find(name) else {
        return Err(RpcError::invalid_params(format!(
            "there is no tool `{name}`; there are {}",
            tools::names()
        )));
    };
    let (text, is_error) = match tools::call(tool, params.get("arguments"), caller).await {
        Ok(answer) => (answer.to_string(), false),
        Err(ToolFault::Refused(why)) => (bounds::cut(&why, bounds::LONG_TEXT), true),
        Err(ToolFault::Failed(error)) => {
            tracing::error!(tool = name, "a tool failed: {error:#}");
            (format!("{name} failed; the log has the details"), true)
        }
    };
    Ok(json!({"content": [{"type": "text", "text": text}], "isError": is_error}))
}
