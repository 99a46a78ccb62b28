//! The tools, one file each or one for a few that belong together.

mod act;
mod figures;
mod jobs;
mod modules;
mod routes;
mod schema;
mod trace;
mod why;

use serde_json::Value;

use super::input::Arguments;
use super::tool::{McpCaller, McpTool, ToolAnswer, ToolCall, ToolFault};

/// All tools, in the order in which clients see them.
const TOOLS: [&McpTool; 10] = [
    &why::WHY,
    &figures::ENDPOINTS,
    &figures::STATEMENTS,
    &trace::TRACE,
    &jobs::JOBS,
    &schema::SCHEMA,
    &routes::ROUTES,
    &modules::MODULES,
    &act::RETRY_JOB,
    &act::CANCEL_JOB,
];

/// The list of the tools.
pub(super) fn described() -> Vec<Value> {
    TOOLS.iter().map(|tool| tool.described()).collect()
}

/// Their names.
pub(super) fn names() -> String {
    TOOLS.map(|tool| tool.name).join(", ")
}

pub(super) fn find(name: &str) -> Option<&'static McpTool> {
    TOOLS.into_iter().find(|tool| tool.name == name)
}

/// Calls a tool.
pub(super) async fn call(
    tool: &'static McpTool,
    arguments: Option<&Value>,
    caller: &McpCaller<'_>,
) -> ToolAnswer {
    let arguments = Arguments::read(tool.inputs, arguments).map_err(ToolFault::Refused)?;
    let call = ToolCall { caller, arguments };
    match tool.name {
        "why" => why::why(&call).await,
        "endpoints" => Ok(figures::endpoints(&call)),
        "statements" => Ok(figures::statements(&call)),
        "trace" => trace::trace(&call),
        "jobs" => jobs::jobs(&call).await,
        "schema" => schema::schema(&call).await,
        "routes" => Ok(routes::routes(&call)),
        "modules" => Ok(modules::modules(&call)),
        "retry_job" => act::retry_job(&call).await,
        "cancel_job" => act::cancel_job(&call).await,
        other => Err(ToolFault::Failed(anyhow::anyhow!("nothing does what the tool {other} says"))),
    }
}
