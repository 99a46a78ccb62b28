//! `/console/statements`: the statements sent to the database, from which line, how often and how long.

use axum::extract::Query;
use maud::{Markup, html};
use tenfold::axum;
use tenfold::http::{Response, ServerState, State};
use tenfold::telemetry::{Repeat, StatementRow, Telemetry};

use crate::access::Operator;
use crate::layout::{PagePeriod, errors, nothing, page, repeats};
use crate::plans::plans;
use crate::words;

pub(crate) async fn statements(
    _: Operator,
    State(state): State<ServerState>,
    Query(span): Query<PagePeriod>,
) -> Response {
    let minutes = span.minutes();
    let rows = state.telemetry().statements(minutes);
    let content = html! {
        (span.choice("/console/statements"))
        p.quiet { "Statements of this process, by total time. A batch "
            "counts once, for the line that asked first. Repeats counts the requests and jobs in which the statement was an N+1, and links "
            "to one of them." }
        (table(state.telemetry(), &rows, minutes, usize::MAX))
    };
    page("Statements", "/console/statements", &content)
}

pub(crate) fn table(telemetry: &Telemetry, rows: &[StatementRow], minutes: usize, limit: usize) -> Markup {
    if rows.is_empty() {
        return nothing("No statement in this period.");
    }
    let example = |StatementRow { statement, summary }: &StatementRow| {
        let is_it = |repeat: &Repeat| repeat.name == statement.name && Some(repeat.site) == statement.site;
        match summary.repeats {
            0 => None,
            _ => telemetry.newest(1, |work| work.repeats.iter().any(is_it)).pop(),
        }
    };
    html! {
        div.wide { table {
            thead { tr {
                th { "Statement" } th { "Called at" } th.number { "Count" } th.number { "Rate" } th.number { "Failed" } th.number { "Repeats" }
                th.number { "p50" } th.number { "p95" } th.number { "In sum" }
            } }
            tbody {
                @for row in rows.iter().take(limit) {
                    @let (statement, summary) = (&row.statement, &row.summary);
                    tr {
                        td { details { summary { code { (statement.name) } } pre { (statement.text) } (plans(&telemetry.plans_of(statement))) } }
                        td.place { @if let Some(site) = statement.site { code { (words::site(site)) } } }
                        td.number { (words::count(summary.count)) }
                        td.number { (words::rate(summary.count, minutes)) }
                        td.number { (errors(summary.errors, summary.error_share())) }
                        td.number { (repeats(summary.repeats, example(row).as_deref())) }
                        td.number { (words::maybe(summary.durations.quantile(0.5))) }
                        td.number { (words::maybe(summary.durations.quantile(0.95))) }
                        td.number { (words::duration(summary.total)) }
                    }
                }
            }
        } }
    }
}
