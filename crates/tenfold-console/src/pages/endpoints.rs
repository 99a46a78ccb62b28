//! `/console/endpoints`: every route with its rate, its errors and its durations.

use axum::extract::Query;
use maud::{Markup, html};
use tenfold::axum;
use tenfold::http::{Response, ServerState, State};
use tenfold::telemetry::{Telemetry, WorkKind, WorkRow};

use crate::access::Operator;
use crate::layout::{PagePeriod, errors, nothing, page, repeats};
use crate::words;

pub(crate) async fn endpoints(
    _: Operator,
    State(state): State<ServerState>,
    Query(span): Query<PagePeriod>,
) -> Response {
    let minutes = span.minutes();
    let rows = state.telemetry().works(WorkKind::Request, minutes);
    let content = html! {
        (span.choice("/console/endpoints"))
        p.quiet { "Requests to this process, by total time. Times are accurate to 6 %. "
            "Repeats counts the requests with an N+1 and links to one of them." }
        (table(state.telemetry(), &rows, minutes, usize::MAX))
    };
    page("Endpoints", "/console/endpoints", &content)
}

/// A table of endpoints or of kinds of jobs.
pub(crate) fn table(telemetry: &Telemetry, rows: &[WorkRow], minutes: usize, limit: usize) -> Markup {
    if rows.is_empty() {
        return nothing("Nothing in this period.");
    }
    let example = |row: &WorkRow| match row.summary.repeats {
        0 => None,
        _ => telemetry.newest(1, |work| work.beginning.name == row.name && !work.repeats.is_empty()).pop(),
    };
    html! {
        div.wide { table {
            thead { tr {
                th { "Name" } th.number { "Count" } th.number { "Rate" } th.number { "Failed" } th.number { "Repeats" }
                th.number { "p50" } th.number { "p95" } th.number { "p99" } th.number { "In sum" }
            } }
            tbody {
                @for row in rows.iter().take(limit) {
                    @let (summary, durations) = (&row.summary, &row.summary.durations);
                    tr {
                        td {
                            a href={ "/console/traces?name=" (encoded(&row.name)) } { code { (row.name) } } " "
                            a href={ "/console/endpoints/days?name=" (encoded(&row.name)) } { "Days" }
                        }
                        td.number { (words::count(summary.count)) }
                        td.number { (words::rate(summary.count, minutes)) }
                        td.number { (errors(summary.errors, summary.error_share())) }
                        td.number { (repeats(summary.repeats, example(row).as_deref())) }
                        td.number { (words::maybe(durations.quantile(0.5))) }
                        td.number { (words::maybe(durations.quantile(0.95))) }
                        td.number { (words::maybe(durations.quantile(0.99))) }
                        td.number { (words::duration(summary.total)) }
                    }
                }
            }
        } }
    }
}

/// A name, encoded for a URL.
pub(super) fn encoded(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}
