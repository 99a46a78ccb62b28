//! `why`: what is wrong.

use serde_json::Value;
use tenfold::prelude::Timestamp;

use crate::mcp::bounds::{LONG_TEXT, add_rows, cut};
use crate::mcp::input::{InputKind, ToolInput};
use crate::mcp::tool::{McpTool, ToolAnswer, ToolCall, ToolEffect, ToolFault};

pub(super) const WHY: McpTool = McpTool {
    name: "why",
    title: "What is wrong",
    about: "What is slow or failing now, and why: a verdict with its confidence (0 to 1), the second it began, endpoints, statements with file \
            and line (`more_often` times as often: an N+1; `slower` times as long: an index, a lock, more rows; `plan_before` and `plan_now` say how \
            the database runs it), calls to other services (`outbound`), requests that are refused and who sends most (`overload`), waits for others, jobs that wait in their `queue`, the ids of the affected \
            organizations and users, what changed just before, and traces. It says so if there is no incident.",
    inputs: &[
        ToolInput {
            name: "since",
            about: "Look at what happened since then: a time such as 2026-01-31T03:00:00Z, or 30m for 30 minutes ago. Two hours ago otherwise.",
            kind: InputKind::Moment,
            required: false,
        },
        ToolInput {
            name: "until",
            about: "As if it were then: what ended before is over. Now otherwise.",
            kind: InputKind::Moment,
            required: false,
        },
    ],
    effect: ToolEffect::Reads,
};

/// How many ids, endpoints and so on each list has.
const ROWS: usize = 20;

pub(super) async fn why(call: &ToolCall<'_>) -> ToolAnswer {
    let telemetry = call.caller.state.telemetry();
    let now: Timestamp = telemetry.clock().now();
    let since = call.arguments.moment("since", now);
    let until = call.arguments.moment("until", now).unwrap_or(now);
    let Some(answer) = call.caller.state.plans().why(since, until).await else {
        return Err(ToolFault::Refused("nothing is recorded: set why.record = true".to_owned()));
    };
    let mut json = tenfold::why::json(&answer);
    for list in ["endpoints", "statements", "outbound", "waits", "organizations", "users", "changes"] {
        let Value::Array(mut rows) = json[list].take() else { continue };
        rows.iter_mut().for_each(cut_plans);
        add_rows(&mut json, list, rows, ROWS, "GET /console/why.json has all");
    }
    Ok(json)
}

/// Of a long plan the beginning is enough.
fn cut_plans(row: &mut Value) {
    for plan in ["plan_before", "plan_now"] {
        if let Some(Value::String(text)) = row.get_mut(plan) {
            *text = cut(text, LONG_TEXT);
        }
    }
}
