//! `/console/traces/{id}`: one trace as a waterfall, from the request through its jobs to the deliveries of their
//! events.

use std::sync::Arc;
use std::time::Duration;

use maud::{Markup, html};
use tenfold::data::{Boundary, TraceId};
use tenfold::http::{Response, ServerState, State};
use tenfold::prelude::*;
use tenfold::telemetry::{Span, What, Work, WorkKind};

use super::traces::ending;
use crate::access::Operator;
use crate::chart::bar;
use crate::layout::{nothing, page};
use crate::words;

pub(crate) async fn trace(
    _: Operator,
    State(state): State<ServerState>,
    axum::extract::Path(id): axum::extract::Path<String>,
) -> Response {
    let works = TraceId::parse(&id).map(|id| state.telemetry().trace(id)).unwrap_or_default();
    let content = match works.first() {
        Some(first) => waterfall(&works, first),
        None => nothing("This trace was not kept, or is no longer kept. The log has its lines under its id."),
    };
    page("Trace", "/console/traces", &content)
}

fn waterfall(works: &[Arc<Work>], first: &Work) -> Markup {
    let begin = first.beginning.at;
    let after = |work: &Work| Duration::try_from(work.beginning.at.duration_since(begin)).unwrap_or_default();
    let whole = works.iter().map(|work| after(work) + work.duration).max().unwrap_or_default();
    html! {
        p { code.id { (first.beginning.trace_id) } " began at " (words::moment(begin)) " UTC and took " (words::duration(whole)) "." }
        div.wide { table.waterfall {
            thead { tr { th { "What" } th { "Where" } th.bars { "When, of " (words::duration(whole)) } th.number { "Took" } } }
            @for work in works { tbody { (piece(work, after(work), whole)) } }
        } }
    }
}

/// A request or job with its spans.
fn piece(work: &Work, offset: Duration, whole: Duration) -> Markup {
    let mut spans: Vec<&Span> = work.spans.iter().collect();
    spans.sort_by_key(|span| span.start);
    let class = if work.ending.is_error() { "failed" } else { "work" };
    html! {
        tr.head {
            th scope="row" { (head(work)) }
            td { (ending(work)) }
            td.bars { (bar(offset, work.duration, whole, class)) }
            td.number { (words::duration(work.duration)) }
        }
        @if let tenfold::telemetry::Ending::Failed(error) = &work.ending {
            tr { td.inner colspan="4" { span.bad { (error) } } }
        }
        @for repeat in &work.repeats {
            tr {
                td.inner { span.bad { "N+1: " } code { (repeat.name) } " " (repeat.times) " times" }
                td.place colspan="3" { code { (words::site(repeat.site)) } }
            }
        }
        @for span in spans {
            tr {
                td.inner { (what(span)) }
                td.place { (place(span)) }
                td.bars { (bar(offset + span.start, span.duration, whole, class_of(span))) }
                td.number { @if span.duration.is_zero() { "" } @else { (words::duration(span.duration)) } }
            }
        }
        @if work.dropped > 0 {
            tr { td.inner colspan="4" { "and " (words::count(work.dropped)) " more, counted only" } }
        }
    }
}

fn head(work: &Work) -> Markup {
    let (beginning, totals) = (&work.beginning, &work.totals);
    html! {
        @if beginning.kind == WorkKind::Job { "job " } @else { "request " }
        code { (beginning.name) }
        span.quiet {
            @if let Some(job) = &beginning.job {
                " " a href={ "/console/jobs/" (job.id) } { "attempt " (job.attempt) } ", waited " (words::duration(job.waited)) ";"
            }
            " " (words::counted(totals.statements, "statement", "statements")) " in " (words::duration(totals.database_time))
            @if totals.calls > 0 { ", " (words::counted(totals.calls, "call", "calls")) }
            @if let Some(organization) = work.organization { "; organization " code.id { (organization) } }
            @if let Some(user) = work.user { ", user " code.id { (user) } }
        }
    }
}

fn what(span: &Span) -> Markup {
    html! {
        @match &span.what {
            What::Statement(statement, rows) => {
                details {
                    summary { code { (statement.name) } " " span.quiet { (words::counted(*rows, "row", "rows")) } }
                    pre { (statement.text) }
                }
            },
            What::Call { module, method, .. } => { "call " code { (module) "." (method) } },
            What::Outbound(call) => {
                "call to " code { (call) } @if let Some(error) = &call.error { " " span.quiet { (error) } }
            },
            What::Transaction(Boundary::Begin, _) => { "begin a transaction" },
            What::Transaction(Boundary::Commit, _) => { "commit" },
            What::Code { name, target } => { code { (name) } " " span.quiet { (target) } },
            What::Line(line) => span.line { (line) },
        }
        @if span.failed { " " span.bad { "failed" } }
    }
}

fn place(span: &Span) -> Markup {
    let site = match &span.what {
        What::Statement(statement, _) => statement.site,
        What::Call { site, .. } | What::Transaction(_, site) => Some(*site),
        What::Outbound(_) | What::Code { .. } | What::Line(_) => None,
    };
    html! { @if let Some(site) = site { code { (words::site(site)) } } }
}

fn class_of(span: &Span) -> &'static str {
    match (span.failed, &span.what) {
        (true, _) => "failed",
        (_, What::Statement(..)) => "statement",
        (_, What::Call { .. } | What::Outbound(_) | What::Transaction(..)) => "call",
        (_, What::Code { .. } | What::Line(_)) => "code",
    }
}
