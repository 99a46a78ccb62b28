//! `/console/jobs`: the jobs by state, and the durations of each kind.

use maud::{Markup, html};
use serde::Deserialize;
use tenfold::http::{Response, ServerState, State};
use tenfold::jobs::{JobState, admin};
use tenfold::prelude::*;
use tenfold::telemetry::{MINUTES, WorkKind};

use super::endpoints;
use super::job::action;
use super::shown::ShownJob;
use crate::access::Operator;
use crate::layout::{nothing, page};
use crate::words;

/// How many jobs are listed.
const ROWS: usize = 50;

const STATES: [(JobState, &str); 8] = [
    (JobState::Available, "Waiting"),
    (JobState::Running, "Running"),
    (JobState::Retryable, "To be retried"),
    (JobState::Scheduled, "Scheduled"),
    (JobState::Waiting, "Behind others"),
    (JobState::Completed, "Done"),
    (JobState::Discarded, "Given up"),
    (JobState::Cancelled, "Ended"),
];

#[derive(Deserialize)]
pub(crate) struct JobFilter {
    state: Option<JobState>,
}

pub(crate) async fn jobs(
    operator: Operator,
    State(state): State<ServerState>,
    Query(wanted): Query<JobFilter>,
    cx: SystemContext,
) -> Result<Response, Problem> {
    let shown = wanted.state.unwrap_or(JobState::Running);
    let rows = match shown {
        JobState::Completed | JobState::Cancelled | JobState::Discarded => {
            admin::finished(&cx, shown, ROWS).await?.into_iter().map(ShownJob::from).collect()
        }
        _ => admin::queued(&cx, shown, ROWS).await?.into_iter().map(ShownJob::from).collect::<Vec<_>>(),
    };
    let counts = admin::count_queued(&cx).await?;
    let content = html! {
        nav.spans aria-label="State" {
            @for (state, name) in STATES {
                @let current = (state == shown).then_some("true");
                @let count = counts.iter().find(|(counted, _)| *counted == state);
                a href={ "/console/jobs?state=" (state.as_str()) } aria-current=[current] {
                    (name) @if let Some((_, count)) = count { " " span.count { (words::count(*count)) } }
                }
            }
        }
        (table(&operator, &rows, shown))
        h2 { "Kinds, in the last hour" }
        p.quiet { "Jobs run by this process." }
        (endpoints::table(state.telemetry(), &state.telemetry().works(WorkKind::Job, MINUTES), MINUTES, usize::MAX))
    };
    Ok(page("Jobs", "/console/jobs", &content))
}

fn table(operator: &Operator, jobs: &[ShownJob], state: JobState) -> Markup {
    if jobs.is_empty() {
        return nothing("None.");
    }
    html! {
        div.wide { table {
            thead { tr {
                th { "Kind" } th { "Organization" } th.number { "Attempt" } th { (ShownJob::when_is(state)) " (UTC)" } th { "Progress" }
                th { "Last error" } th { span.unseen { "Actions" } }
            } }
            tbody {
                @for job in jobs {
                    tr {
                        td { a href={ "/console/jobs/" (job.id) } { code { (job.kind) } } }
                        td { @if let Some(organization) = job.org_id { code.id { (organization) } } }
                        td.number { (job.attempts) }
                        td { (words::moment(job.when)) }
                        td { (job.progress) }
                        td.error { @if let Some(last) = job.errors.last() { (last.error) } }
                        td { (action(operator, job.id, state)) }
                    }
                }
            }
        } }
        @if jobs.len() == ROWS { p.quiet { "There may be more than these " (ROWS) "." } }
    }
}
