//! `modules`: what each module provides and needs, and who called whom.

use serde_json::{Value, json};
use tenfold::telemetry::MINUTES;

use super::figures::add_figures;
use crate::mcp::bounds::add_rows;
use crate::mcp::tool::{McpTool, ToolCall, ToolEffect};
use crate::words;

pub(super) const MODULES: McpTool = McpTool {
    name: "modules",
    title: "Modules",
    about: "The modules of this application: the interfaces that each provides and needs, and the calls between them in the last hour, with \
            file and line, count, failures, durations in milliseconds and the statements sent meanwhile. A running program cannot check its \
            boundaries, since that needs the sources: run `tenfold check` in the project's folder.",
    inputs: &[],
    effect: ToolEffect::Reads,
};

pub(super) fn modules(call: &ToolCall<'_>) -> Value {
    let facts = call.caller.facts;
    let modules = facts
        .modules
        .iter()
        .map(|module| json!({"name": module.name, "provides": module.provides, "needs": module.needs}));
    let calls = call.caller.state.telemetry().calls(MINUTES).into_iter().map(|row| {
        let called = format!("{}.{}", row.module, row.method);
        let mut shown =
            json!({"called": called, "at": row.site.map(words::site), "statements": row.statements});
        add_figures(&mut shown, &row.summary);
        // Repeated calls are counted for requests and jobs, and not here.
        if let Some(shown) = shown.as_object_mut() {
            shown.remove("with_n_plus_one");
        }
        shown
    });
    let mut answer = json!({"application": facts.name, "version": facts.version});
    add_rows(&mut answer, "modules", modules, 100, "`app/Cargo.toml` lists all");
    add_rows(&mut answer, "calls_in_the_last_hour", calls, 50, "those that took most time are shown");
    answer
}
