//! `modules`: what each module provides and needs, and who called whom.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tenfold::telemetry::What;

use crate::mcp::bounds::add_rows;
use crate::mcp::tool::{McpTool, ToolCall, ToolEffect};
use crate::words;

pub(super) const MODULES: McpTool = McpTool {
    name: "modules",
    title: "Modules",
    about: "The modules of this application: the interfaces that each provides and needs, and the calls between them in the kept traces, with \
            file and line. A running program cannot check its boundaries, since that needs the sources: run `tenfold check` in the \
            project's folder.",
    inputs: &[],
    effect: ToolEffect::Reads,
};

pub(super) fn modules(call: &ToolCall<'_>) -> Value {
    let facts = call.caller.facts;
    let modules = facts
        .modules
        .iter()
        .map(|module| json!({"name": module.name, "provides": module.provides, "needs": module.needs}));
    let mut calls: BTreeMap<(String, String), u64> = BTreeMap::new();
    for work in call.caller.state.telemetry().newest(usize::MAX, |_| true) {
        for span in &work.spans {
            if let What::Call { module, method, site } = &span.what {
                *calls.entry((format!("{module}.{method}"), words::site(site))).or_default() += 1;
            }
        }
    }
    let mut calls: Vec<_> = calls.into_iter().collect();
    calls.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
    let calls =
        calls.into_iter().map(|((called, at), times)| json!({"called": called, "at": at, "times": times}));
    let mut answer = json!({"application": facts.name, "version": facts.version});
    add_rows(&mut answer, "modules", modules, 100, "`app/Cargo.toml` lists all");
    add_rows(&mut answer, "calls_in_kept_traces", calls, 50, "those that were made most often are shown");
    answer
}
