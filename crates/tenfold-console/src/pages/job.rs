//! `/console/jobs/{id}`: one job with all its errors, and the actions on it.

use maud::{Markup, html};
use tenfold::data::TraceContext;
use tenfold::http::{IntoResponse as _, Response, StatusCode, Unrecorded};
use tenfold::jobs::admin::{self, AnyJob, NotNow, StepResult};
use tenfold::jobs::{AttemptError, JobId, JobState, Jobs, without_secrets};
use tenfold::prelude::*;

use super::shown::ShownJob;
use crate::access::{Acting, Operator};
use crate::layout::{actions, page};
use crate::words;

pub(crate) async fn job(
    operator: Operator,
    cx: SystemContext,
    Path(id): Path<JobId>,
) -> Result<Response, Problem> {
    let shown = match admin::find(&cx, id).await? {
        Some(AnyJob::Queued(job)) => ShownJob::from(job),
        Some(AnyJob::Finished(job)) => ShownJob::from(job),
        None => return Err(Problem::not_found("job")),
    };
    let done = admin::steps(&cx, id).await?;
    let content = html! {
        (facts(&operator, &shown))
        h2 { "Steps that are done" }
        (steps(&done))
        h2 { "What went wrong" }
        (errors(&shown.errors))
    };
    Ok(page("Job", "/console/jobs", &content))
}

/// Retries it now.
pub(crate) async fn retry(
    acting: Acting,
    jobs: Use<Jobs>,
    Path(id): Path<JobId>,
) -> Result<Response, Problem> {
    acting.note("runs a job again", &id.to_string()).await?;
    jobs.retry(id).await.map_err(refused::<NotNow>(Problem::conflict))?;
    Ok(back(id))
}

/// Cancels it, now or at its worker's next heartbeat.
pub(crate) async fn cancel(
    acting: Acting,
    jobs: Use<Jobs>,
    Path(id): Path<JobId>,
) -> Result<Response, Problem> {
    acting.note("ends a job", &id.to_string()).await?;
    jobs.cancel(id).await?;
    Ok(back(id))
}

fn back(id: JobId) -> Response {
    back_to(&format!("/console/jobs/{id}"))
}

/// The problem of an action that was refused: an error of this type tells the operator why.
pub(super) fn refused<E>(problem: fn(String) -> Problem) -> impl Fn(anyhow::Error) -> Problem
where
    E: std::error::Error + Send + Sync + 'static,
{
    move |error| match error.downcast_ref::<E>() {
        Some(why) => problem(why.to_string()),
        None => error.into(),
    }
}

/// Leads to a page after an action.
pub(super) fn back_to(path: &str) -> Response {
    let mut response = (StatusCode::SEE_OTHER, [("location", path)]).into_response();
    response.extensions_mut().insert(Unrecorded);
    response
}

/// The action that is possible in this state.
pub(crate) fn action(operator: &Operator, id: JobId, state: JobState) -> Markup {
    let button = |verb: &str, name: &str| {
        html! { form method="post" action={ "/console/jobs/" (id) "/" (verb) } { button { (name) } } }
    };
    let buttons = html! {
        @match state {
            JobState::Retryable | JobState::Scheduled => { (button("retry", "Run now")) (button("cancel", "End")) },
            JobState::Available | JobState::Waiting | JobState::Running => (button("cancel", "End")),
            JobState::Discarded | JobState::Cancelled => (button("retry", "Try again")),
            JobState::Completed => {},
        }
    };
    actions(operator, &buttons)
}

fn facts(operator: &Operator, job: &ShownJob) -> Markup {
    let trace = TraceContext::parse(&job.trace).map(|trace| trace.trace_id);
    html! {
        p { code { (job.kind) } " is " strong { (job.state.as_str()) } "." }
        (action(operator, job.id, job.state))
        dl {
            dt { "Id" } dd { code { (job.id) } }
            @if let Some(organization) = job.org_id { dt { "Organization" } dd { code { (organization) } } }
            dt { "Attempt" } dd { (job.attempts) }
            @if job.crashes > 0 { dt { "Workers lost" } dd.bad { (job.crashes) } }
            dt { "Progress" } dd { (job.progress) }
            dt { "Enqueued" } dd { (words::moment(job.created_at)) " UTC" }
            dt { (ShownJob::when_is(job.state)) } dd { (words::moment(job.when)) " UTC" }
            @if let Some(trace) = trace { dt { "Trace" } dd { a href={ "/console/traces/" (trace) } { code { (trace) } } } }
            dt { "Arguments" } dd { pre { (pretty(&job.args)) } }
        }
    }
}

/// JSON without secrets, as people read it.
fn pretty(value: &serde_json::Value) -> String {
    serde_json::to_string_pretty(&without_secrets(value)).unwrap_or_default()
}

fn steps(steps: &[StepResult]) -> Markup {
    html! {
        @if steps.is_empty() { p.quiet { "None." } } @else {
            table {
                thead { tr { th { "Step" } th { "Result" } } }
                tbody { @for step in steps { tr { td { code { (step.name) } } td { pre { (pretty(&step.result)) } } } } }
            }
        }
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
