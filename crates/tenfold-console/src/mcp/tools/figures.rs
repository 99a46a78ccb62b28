//! `endpoints` and `statements`: how often, how long, how many failed.

use std::time::Duration;

use serde_json::{Value, json};
use tenfold::telemetry::{Summary, WorkKind};

use crate::mcp::bounds::{TEXT, add_rows, cut};
use crate::mcp::input::{InputKind, MINUTES, ToolInput, limit};
use crate::mcp::tool::{McpTool, ToolCall, ToolEffect};
use crate::words;

/// Only those whose name has this in it.
const NAME: ToolInput = ToolInput {
    name: "name",
    about: "Only names that contain this text.",
    kind: InputKind::Text,
    required: false,
};

pub(super) const ENDPOINTS: McpTool = McpTool {
    name: "endpoints",
    title: "Endpoints",
    about: "Requests or jobs of this process by total time: count, failures, durations in milliseconds, and in how many of them a statement or \
            call was repeated (`with_n_plus_one`; `trace` shows which).",
    inputs: &[
        ToolInput {
            name: "of",
            about: "Requests, or jobs by their kind.",
            kind: InputKind::Word(&["requests", "jobs"]),
            required: false,
        },
        MINUTES,
        NAME,
        limit(20, 100),
    ],
    effect: ToolEffect::Reads,
};

pub(super) const STATEMENTS: McpTool = McpTool {
    name: "statements",
    title: "Statements",
    about: "Statements that this process sent to its database, by total time: the author's file and line, count, failures, durations in \
            milliseconds, the text without its parameters, its `plan` in the words of the database (`null` if it was not taken), and the plan \
            before (`plan_before`) if it has changed.",
    inputs: &[MINUTES, NAME, limit(20, 100)],
    effect: ToolEffect::Reads,
};

pub(super) fn endpoints(call: &ToolCall<'_>) -> Value {
    let arguments = &call.arguments;
    let minutes = arguments.number("minutes");
    let kind = if arguments.word("of") == "jobs" { WorkKind::Job } else { WorkKind::Request };
    let rows = call.caller.state.telemetry().works(kind, minutes);
    let rows = rows.into_iter().filter(|row| is_wanted(call, &row.name)).map(|row| {
        let mut shown = json!({"name": row.name});
        add_figures(&mut shown, &row.summary);
        shown
    });
    let mut answer = json!({"minutes": minutes});
    add_rows(&mut answer, "endpoints", rows, arguments.number("limit"), "give `name`, or a higher `limit`");
    answer
}

pub(super) fn statements(call: &ToolCall<'_>) -> Value {
    let minutes = call.arguments.number("minutes");
    let telemetry = call.caller.state.telemetry();
    let rows = telemetry.statements(minutes);
    let rows = rows.into_iter().filter(|row| is_wanted(call, &row.statement.name)).map(|row| {
        let statement = &row.statement;
        let plans = telemetry.plans_of(statement);
        let mut shown = json!({
            "name": statement.name,
            "module": statement.module,
            "at": statement.site.map(words::site),
            "text": cut(&statement.text, TEXT),
            "plan": plans.now.map(|plan| cut(&plan, TEXT)),
            "plan_before": plans.before.map(|plan| cut(&plan, TEXT)),
        });
        add_figures(&mut shown, &row.summary);
        shown
    });
    let mut answer = json!({"minutes": minutes});
    let most = call.arguments.number("limit");
    add_rows(&mut answer, "statements", rows, most, "give `name`, or a higher `limit`");
    answer
}

fn is_wanted(call: &ToolCall<'_>, name: &str) -> bool {
    call.arguments.text("name").is_none_or(|part| name.contains(part))
}

pub(super) fn add_figures(row: &mut Value, summary: &Summary) {
    let quantile = |share| summary.durations.quantile(share).map(milliseconds);
    row["count"] = json!(summary.count);
    row["failed"] = json!(summary.errors);
    row["with_n_plus_one"] = json!(summary.repeats);
    row["p50_ms"] = json!(quantile(0.5));
    row["p95_ms"] = json!(quantile(0.95));
    row["p99_ms"] = json!(quantile(0.99));
    row["total_ms"] = json!(milliseconds(summary.total));
}

/// Milliseconds, to the microsecond.
pub(super) fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
