//! `trace`: kept requests and jobs, or one with all that it did.

use std::sync::Arc;

use serde_json::{Value, json};
use tenfold::data::{Boundary, TraceId};
use tenfold::telemetry::{Ending, OutboundCall, Span, What, Work};

use super::figures::milliseconds;
use crate::mcp::bounds::{TEXT, add_rows, cut};
use crate::mcp::input::{InputKind, ToolInput, limit};
use crate::mcp::tool::{McpTool, ToolAnswer, ToolCall, ToolEffect, ToolFault};
use crate::words;

pub(super) const TRACE: McpTool = McpTool {
    name: "trace",
    title: "Traces",
    about: "With `id`: one trace, the request and the jobs that followed from it, each with its statements, calls to other modules and services, logged \
            errors, and N+1s with file and line. Without: the kept traces, which are failures, the slowest 1 % of each name, N+1s, and one \
            of each duration. `why` names traces of an incident.",
    inputs: &[
        ToolInput {
            name: "id",
            about: "The trace, 32 hexadecimal digits.",
            kind: InputKind::Text,
            required: false,
        },
        ToolInput {
            name: "name",
            about: "Only this endpoint or kind of job, such as GET /v1/users.",
            kind: InputKind::Text,
            required: false,
        },
        ToolInput {
            name: "only",
            about: "Only those that failed, or that have an N+1.",
            kind: InputKind::Word(&["all", "failed", "n_plus_one"]),
            required: false,
        },
        ToolInput {
            name: "sort",
            about: "The newest first, or the slowest.",
            kind: InputKind::Word(&["newest", "slowest"]),
            required: false,
        },
        limit(20, 100),
    ],
    effect: ToolEffect::Reads,
};

/// How many spans of one piece of work are shown.
const SPANS: usize = 40;

pub(super) fn trace(call: &ToolCall<'_>) -> ToolAnswer {
    match call.arguments.text("id") {
        Some(id) => one(call, id),
        None => Ok(kept(call)),
    }
}

fn kept(call: &ToolCall<'_>) -> Value {
    let arguments = &call.arguments;
    let (name, only) = (arguments.text("name"), arguments.word("only"));
    let passes = |work: &Work| {
        name.is_none_or(|name| work.beginning.name == name)
            && (only != "failed" || work.ending.is_error())
            && (only != "n_plus_one" || !work.repeats.is_empty())
    };
    let telemetry = call.caller.state.telemetry();
    let most = arguments.number("limit");
    // One more, to know whether there are more.
    let works = match arguments.word("sort") {
        "slowest" => telemetry.slowest(most + 1, passes),
        _ => telemetry.newest(most + 1, passes),
    };
    let mut answer = json!({});
    let rows = works.iter().map(|work| head(work));
    add_rows(
        &mut answer,
        "traces",
        rows,
        most,
        "at least so many more; give `name` or `only`, or a higher `limit`",
    );
    answer
}

fn one(call: &ToolCall<'_>, id: &str) -> ToolAnswer {
    let Some(parsed) = TraceId::parse(id) else {
        return Err(ToolFault::Refused("`id` must be a trace's id, 32 hexadecimal digits".to_owned()));
    };
    let works = call.caller.state.telemetry().trace(parsed);
    if works.is_empty() {
        let gone = format!(
            "`id`: the trace {id} was not kept, or is no longer kept; the log has its lines under its id"
        );
        return Err(ToolFault::Refused(gone));
    }
    let mut answer = json!({});
    let rows = works.iter().map(piece);
    add_rows(&mut answer, "work", rows, usize::MAX, "/console/traces/{id} has all");
    Ok(answer)
}

fn head(work: &Work) -> Value {
    let (beginning, totals) = (&work.beginning, &work.totals);
    json!({
        "trace": beginning.trace_id.to_string(),
        "name": beginning.name,
        "began": beginning.at.to_string(),
        "ms": milliseconds(work.duration),
        "ended": ended(work),
        "statements": totals.statements,
        "database_ms": milliseconds(totals.database_time),
        "organization": work.organization.map(|id| id.to_string()),
        "user": work.user.map(|id| id.to_string()),
    })
}

fn ended(work: &Work) -> String {
    match &work.ending {
        Ending::Answered(status) => format!("answered {status}"),
        Ending::Completed => "completed".to_owned(),
        Ending::Failed(error) => format!("failed: {}", cut(error, TEXT)),
        Ending::Abandoned => "abandoned".to_owned(),
    }
}

/// A request or job with the spans that took longest, in the order of their start.
fn piece(work: &Arc<Work>) -> Value {
    let mut shown = head(work);
    if let Some(job) = &work.beginning.job {
        shown["job"] =
            json!({"id": job.id.to_string(), "attempt": job.attempt, "waited_ms": milliseconds(job.waited)});
    }
    let repeats = work
        .repeats
        .iter()
        .map(|repeat| json!({"name": repeat.name, "times": repeat.times, "at": words::site(repeat.site)}));
    add_rows(&mut shown, "n_plus_one", repeats, 10, "the console has all");
    let mut longest: Vec<&Span> = work.spans.iter().collect();
    longest.sort_by_key(|span| std::cmp::Reverse((span.failed, span.duration)));
    let left_out = work.dropped + longest.len().saturating_sub(SPANS) as u64;
    longest.truncate(SPANS);
    longest.sort_by_key(|span| span.start);
    shown["spans"] = longest.into_iter().map(span).collect();
    if left_out > 0 {
        shown["shorter_spans_left_out"] = json!(left_out);
    }
    shown
}

fn span(span: &Span) -> Value {
    let (what, site) = match &span.what {
        What::Statement(statement, rows) => (format!("{}, {rows} rows", statement.name), statement.site),
        What::Call { module, method, site } => (format!("call {module}.{method}"), Some(*site)),
        What::Outbound(call) => (outbound(call), None),
        What::Transaction(Boundary::Begin, site) => ("begin".to_owned(), Some(*site)),
        What::Transaction(Boundary::Commit, site) => ("commit".to_owned(), Some(*site)),
        What::Code { name, target } => (format!("{name} ({target})"), None),
        What::Line(line) => (cut(line, TEXT), None),
    };
    let mut shown =
        json!({"what": what, "start_ms": milliseconds(span.start), "ms": milliseconds(span.duration)});
    if let Some(site) = site {
        shown["at"] = json!(words::site(site));
    }
    if span.failed {
        shown["failed"] = json!(true);
    }
    shown
}

/// A call to another service, and why it failed.
fn outbound(call: &OutboundCall) -> String {
    match &call.error {
        Some(error) => format!("call to {call}: {error}"),
        None => format!("call to {call}"),
    }
}
