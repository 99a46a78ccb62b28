//! `/console/jobs`: the jobs by state, and how long each kind takes.

use axum::extract::Query;
use maud::{Markup, html};
use serde::Deserialize;
use tenfold::axum;
use tenfold::data::{OrgId, Uuid};
use tenfold::http::{Response, ServerState, State};
use tenfold::jobs::{FinishedJob, JobState, QueuedJob, admin};
use tenfold::prelude::*;
use tenfold::telemetry::{MINUTES, WorkKind};

use super::endpoints;
use super::job::{action, last_error};
use crate::access::Operator;
use crate::layout::{nothing, page};
use crate::words;

/// How many jobs are listed.
const ROWS: usize = 50;

const STATES: [(JobState, &str); 7] = [
    (JobState::Available, "Waiting"),
    (JobState::Running, "Running"),
    (JobState::Retryable, "To be tried again"),
    (JobState::Scheduled, "Scheduled"),
    (JobState::Completed, "Done"),
    (JobState::Discarded, "Given up"),
    (JobState::Cancelled, "Ended"),
];

#[derive(Deserialize)]
pub(crate) struct Wanted {
    state: Option<JobState>,
}

/// A job as the table shows it, whether it is finished or not.
struct Row {
    id: Uuid,
    kind: String,
    org_id: Option<OrgId>,
    attempts: String,
    when: Timestamp,
    progress: String,
    error: Option<String>,
}

pub(crate) async fn jobs(
    _: Operator,
    State(state): State<ServerState>,
    Query(wanted): Query<Wanted>,
    cx: SystemContext,
) -> Result<Response, Problem> {
    let shown = wanted.state.unwrap_or(JobState::Running);
    let rows = match shown {
        JobState::Completed | JobState::Cancelled | JobState::Discarded => {
            admin::finished(&cx, shown, ROWS).await?.into_iter().map(Row::of_finished).collect()
        }
        _ => admin::queued(&cx, shown, ROWS).await?.into_iter().map(Row::of_queued).collect::<Vec<_>>(),
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
        (table(&rows, shown))
        h2 { "Kinds, in the last hour" }
        p.quiet { "What this process ran." }
        (endpoints::table(&state.telemetry().works(WorkKind::Job, MINUTES), MINUTES, usize::MAX))
    };
    Ok(page("Jobs", "/console/jobs", &content))
}

fn table(rows: &[Row], state: JobState) -> Markup {
    if rows.is_empty() {
        return nothing("None.");
    }
    let when = match state {
        JobState::Available | JobState::Running => "Due since (UTC)",
        JobState::Retryable | JobState::Scheduled => "Runs at (UTC)",
        _ => "Finished (UTC)",
    };
    html! {
        div.wide { table {
            thead { tr {
                th { "Kind" } th { "Organization" } th.number { "Attempt" } th { (when) } th { "Progress" }
                th { "Last error" } th { span.unseen { "Actions" } }
            } }
            tbody {
                @for row in rows {
                    tr {
                        td { a href={ "/console/jobs/" (row.id) } { code { (row.kind) } } }
                        td { @if let Some(organization) = row.org_id { code.id { (organization) } } }
                        td.number { (row.attempts) }
                        td { (words::moment(row.when)) }
                        td { (row.progress) }
                        td.error { @if let Some(error) = &row.error { (error) } }
                        td { (action(row.id, state)) }
                    }
                }
            }
        } }
        @if rows.len() == ROWS { p.quiet { "There may be more than these " (ROWS) "." } }
    }
}

impl Row {
    fn of_queued(job: QueuedJob) -> Self {
        Row {
            id: job.id.0,
            kind: job.kind,
            org_id: job.org_id,
            attempts: format!("{} of {}", job.attempt, job.max_attempts),
            when: job.run_at,
            progress: progress(job.percent, &job.message),
            error: last_error(&job.errors),
        }
    }

    fn of_finished(job: FinishedJob) -> Self {
        Row {
            id: job.id.0,
            kind: job.kind,
            org_id: job.org_id,
            attempts: format!("{} of {}", job.attempt, job.max_attempts),
            when: job.finished_at,
            progress: progress(job.percent, &job.message),
            error: last_error(&job.errors),
        }
    }
}

fn progress(percent: i64, message: &str) -> String {
    match (percent, message) {
        (0, "") => String::new(),
        (percent, "") => format!("{percent} %"),
        (percent, message) => format!("{percent} %, {message}"),
    }
}
