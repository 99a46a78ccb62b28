//! `/console/jobs/{id}`: one job with everything that went wrong, and what can be done about it.

use maud::{Markup, html};
use tenfold::data::{OrgId, TraceContext, Uuid};
use tenfold::http::{IntoResponse as _, Response, StatusCode, Unrecorded};
use tenfold::jobs::admin::NotNow;
use tenfold::jobs::{AttemptError, FinishedJob, JobId, JobState, Jobs, QueuedJob};
use tenfold::prelude::*;

use crate::access::Operator;
use crate::layout::page;
use crate::words;

/// A job, whether it is finished or not.
struct Shown {
    id: JobId,
    kind: String,
    state: JobState,
    org_id: Option<OrgId>,
    attempt: i64,
    max_attempts: i64,
    crashes: i64,
    progress: String,
    args: serde_json::Value,
    errors: serde_json::Value,
    trace: String,
    created_at: Timestamp,
    /// When it runs, or ended.
    when: (&'static str, Timestamp),
}

pub(crate) async fn job(_: Operator, cx: SystemContext, Path(id): Path<JobId>) -> Result<Response, Problem> {
    let shown = match QueuedJob::find(&cx, id).await? {
        Some(job) => Shown::of_queued(&job),
        None => Shown::of_finished(&*FinishedJob::get(&cx, id).await?),
    };
    Ok(page("Job", "/console/jobs", &facts(&shown)))
}

/// Tries it again, now.
pub(crate) async fn retry(_: Operator, jobs: Use<Jobs>, Path(id): Path<JobId>) -> Result<Response, Problem> {
    jobs.retry(id).await.map_err(|error| match error.downcast_ref::<NotNow>() {
        Some(not_now) => Problem::conflict(not_now.to_string()),
        None => error.into(),
    })?;
    tracing::info!(job = %id, "a person tries a job again");
    Ok(back(id))
}

/// Ends it, now or at its worker's next heartbeat.
pub(crate) async fn cancel(_: Operator, jobs: Use<Jobs>, Path(id): Path<JobId>) -> Result<Response, Problem> {
    jobs.cancel(id).await?;
    tracing::info!(job = %id, "a person ends a job");
    Ok(back(id))
}

fn back(id: JobId) -> Response {
    let mut response = (StatusCode::SEE_OTHER, [("location", format!("/console/jobs/{id}"))]).into_response();
    response.extensions_mut().insert(Unrecorded);
    response
}

/// What can be done about a job in this state.
pub(crate) fn action(id: Uuid, state: JobState) -> Markup {
    let button = |verb: &str, name: &str| {
        html! { form method="post" action={ "/console/jobs/" (id) "/" (verb) } { button { (name) } } }
    };
    html! {
        div.actions {
            @match state {
                JobState::Retryable | JobState::Scheduled => { (button("retry", "Run now")) (button("cancel", "End")) },
                JobState::Available | JobState::Running => (button("cancel", "End")),
                JobState::Discarded | JobState::Cancelled => (button("retry", "Try again")),
                JobState::Completed => {},
            }
        }
    }
}

/// What went wrong last.
pub(crate) fn last_error(errors: &serde_json::Value) -> Option<String> {
    read(errors).pop().map(|error| error.error)
}

fn read(errors: &serde_json::Value) -> Vec<AttemptError> {
    serde_json::from_value(errors.clone()).unwrap_or_default()
}

fn facts(job: &Shown) -> Markup {
    let trace = TraceContext::parse(&job.trace).map(|trace| trace.trace_id);
    html! {
        p { code { (job.kind) } " is " strong { (job.state.as_str()) } "." }
        (action(job.id.0, job.state))
        dl {
            dt { "Id" } dd { code { (job.id) } }
            @if let Some(organization) = job.org_id { dt { "Organization" } dd { code { (organization) } } }
            dt { "Attempt" } dd { (job.attempt) " of " (job.max_attempts) }
            @if job.crashes > 0 { dt { "Workers lost" } dd.bad { (job.crashes) } }
            dt { "Progress" } dd { (job.progress) }
            dt { "Enqueued" } dd { (words::moment(job.created_at)) " UTC" }
            dt { (job.when.0) } dd { (words::moment(job.when.1)) " UTC" }
            @if let Some(trace) = trace { dt { "Trace" } dd { a href={ "/console/traces/" (trace) } { code { (trace) } } } }
            dt { "Arguments" } dd { pre { (serde_json::to_string_pretty(&job.args).unwrap_or_default()) } }
        }
        h2 { "What went wrong" }
        (errors(&read(&job.errors)))
    }
}

fn errors(errors: &[AttemptError]) -> Markup {
    html! {
        @if errors.is_empty() { p.quiet { "Nothing." } } @else {
            table {
                thead { tr { th.number { "Attempt" } th { "When (UTC)" } th { "Error" } } }
                tbody {
                    @for error in errors.iter().rev() {
                        tr { td.number { (error.attempt) } td { (words::moment(error.at)) } td { pre { (error.error) } } }
                    }
                }
            }
        }
    }
}

impl Shown {
    fn of_queued(job: &QueuedJob) -> Self {
        Shown {
            id: job.id,
            kind: job.kind.clone(),
            state: job.state,
            org_id: job.org_id,
            attempt: job.attempt,
            max_attempts: job.max_attempts,
            crashes: job.crashes,
            progress: format!("{} % {}", job.percent, job.message),
            args: job.args.clone(),
            errors: job.errors.clone(),
            trace: job.trace.clone(),
            created_at: job.created_at,
            when: ("Runs", job.run_at),
        }
    }

    fn of_finished(job: &FinishedJob) -> Self {
        Shown {
            id: job.id,
            kind: job.kind.clone(),
            state: job.state,
            org_id: job.org_id,
            attempt: job.attempt,
            max_attempts: job.max_attempts,
            crashes: job.crashes,
            progress: format!("{} % {}", job.percent, job.message),
            args: job.args.clone(),
            errors: job.errors.clone(),
            trace: job.trace.clone(),
            created_at: job.created_at,
            when: ("Finished", job.finished_at),
        }
    }
}
