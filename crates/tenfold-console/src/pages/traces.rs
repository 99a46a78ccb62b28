//! `/console/traces`: the requests and jobs worth a look.

use std::sync::Arc;

use axum::extract::Query;
use maud::{Markup, html};
use serde::Deserialize;
use tenfold::axum;
use tenfold::http::{Response, ServerState, State};
use tenfold::telemetry::{Ending, Kept, Work, WorkKind};

use crate::access::Operator;
use crate::layout::{nothing, page};
use crate::words;

/// How many are listed.
const ROWS: usize = 100;

#[derive(Deserialize)]
pub(crate) struct TraceFilter {
    /// Only this endpoint or kind of job.
    name: Option<String>,
    /// `failed` or `repeated` to show only those.
    only: Option<String>,
    /// `slowest`; otherwise the newest first.
    sort: Option<String>,
}

pub(crate) async fn traces(
    _: Operator,
    State(state): State<ServerState>,
    Query(wanted): Query<TraceFilter>,
) -> Response {
    let only_failed = wanted.only.as_deref() == Some("failed");
    let only_repeated = wanted.only.as_deref() == Some("repeated");
    let by_duration = wanted.sort.as_deref() == Some("slowest");
    let passes = |work: &Work| {
        wanted.name.as_deref().is_none_or(|name| work.beginning.name == name)
            && (!only_failed || work.ending.is_error())
            && (!only_repeated || !work.repeats.is_empty())
    };
    let telemetry = state.telemetry();
    let works = if by_duration { telemetry.slowest(ROWS, passes) } else { telemetry.newest(ROWS, passes) };
    let choice = |address: &str, name: &str, current: bool| {
        let current = current.then_some("true");
        html! { a href=(address) aria-current=[current] { (name) } }
    };
    let content = html! {
        nav.spans aria-label="Which" {
            (choice("/console/traces", "Newest", wanted.only.is_none() && !by_duration && wanted.name.is_none()))
            (choice("/console/traces?sort=slowest", "Slowest", by_duration))
            (choice("/console/traces?only=failed", "Failed", only_failed))
            (choice("/console/traces?only=repeated", "With an N+1", only_repeated))
        }
        p.quiet {
            @if let Some(name) = &wanted.name { "Of " code { (name) } " only. " }
            "Kept traces: failures, the slowest 1 % of each name, and for each name one a minute with an N+1 "
            "and one of each length."
        }
        (table(&works))
    };
    page("Traces", "/console/traces", &content)
}

pub(crate) fn table(works: &[Arc<Work>]) -> Markup {
    if works.is_empty() {
        return nothing("No trace is kept.");
    }
    html! {
        div.wide { table {
            thead { tr {
                th { "Began (UTC)" } th { "Name" } th.number { "Took" } th { "Ended" } th.number { "Statements" }
                th { "Organization" } th { "Kept because" }
            } }
            tbody {
                @for work in works {
                    tr {
                        td { (words::clock(work.beginning.at)) }
                        td { a href={ "/console/traces/" (work.beginning.trace_id) } { code { (work.beginning.name) } } }
                        td.number { (words::duration(work.duration)) }
                        td { (ending(work)) }
                        td.number { (words::count(work.totals.statements)) }
                        td { @if let Some(organization) = work.organization { code.id { (organization) } } }
                        td { (kept(work.kept)) }
                    }
                }
            }
        } }
    }
}

/// How work ended, in words.
pub(crate) fn ending(work: &Work) -> Markup {
    html! {
        @match &work.ending {
            Ending::Answered(status) if *status >= 500 => span.bad { "failed, " (status) },
            Ending::Answered(status) => (status),
            Ending::Completed => "done",
            Ending::Failed(error) => span.bad title=(error) { "failed" },
            Ending::Abandoned if work.beginning.kind == WorkKind::Request => "client left",
            Ending::Abandoned => "broken off",
        }
    }
}

fn kept(kept: Kept) -> &'static str {
    match kept {
        Kept::Error => "it failed",
        Kept::Slow => "it was slow",
        Kept::Repeated => "it has an N+1",
        Kept::Exemplar => "one of its length",
        Kept::Related => "its trace is kept",
    }
}
