//! `/console`: what is wrong, the state of the process in one sentence, then the last hour, then what takes the most time.

use std::time::Duration;

use axum::extract::Query;
use maud::{Markup, html};
use tenfold::axum;
use tenfold::http::{AdmissionFigures, Response, ServerState, State};
use tenfold::jobs::{JobState, admin};
use tenfold::prelude::*;
use tenfold::telemetry::{MINUTES, Summary, Telemetry, WorkKind};

use super::{changes, endpoints, statements, traces, why};
use crate::access::Operator;
use crate::layout::{PagePeriod, page};
use crate::{chart, words};

/// How many rows each table shows here; its own page shows all.
const ROWS: usize = 5;

/// How long the page waits for the database before it is shown without the jobs.
const PATIENCE: Duration = Duration::from_secs(1);

pub(crate) async fn overview(
    _: Operator,
    State(state): State<ServerState>,
    Query(span): Query<PagePeriod>,
    cx: SystemContext,
) -> Response {
    let (telemetry, minutes) = (state.telemetry(), span.minutes());
    let jobs = jobs(&cx).await;
    let answer = state.plans().why(None, telemetry.clock().now()).await;
    let names = why::names(&state, &cx, answer.as_ref()).await;
    let marks = changes::marks(&state, answer.as_ref()).await;
    let hour = telemetry.requests_by_minute(MINUTES);
    let refused = telemetry.refused_by_minute(MINUTES);
    let content = html! {
        (why::answers(telemetry, answer.as_ref(), &names))
        h2 { "Traffic" }
        (span.choice("/console"))
        p.verdict { (sentence(telemetry, minutes)) (admission(state.admission_figures())) " " (jobs) }
        h2 { "The last hour" }
        (chart::requests(&hour, &refused, &marks))
        (chart::durations(&hour))
        h2 { a href={ "/console/endpoints?minutes=" (minutes) } { "Endpoints" } ", by total time" }
        (endpoints::table(telemetry, &telemetry.works(WorkKind::Request, minutes), minutes, ROWS))
        h2 { a href={ "/console/statements?minutes=" (minutes) } { "Statements" } ", by total time" }
        (statements::table(telemetry, &telemetry.statements(minutes), minutes, ROWS))
        h2 { a href="/console/traces?sort=slowest" { "Slow requests and jobs" } }
        (traces::table(&telemetry.slowest(ROWS, |_| true)))
    };
    page("Overview", "/console", &content)
}

/// The state of the requests.
fn sentence(telemetry: &Telemetry, minutes: usize) -> Markup {
    let mut all = Summary::default();
    telemetry.requests_by_minute(minutes).iter().for_each(|minute| all.merge(minute));
    let p95 = all.durations.quantile(0.95);
    html! {
        "In the last " (minutes) " minutes "
        @if all.count == 0 { "there were no requests." } @else {
            strong { (words::counted(all.count, "request", "requests")) }
            " (" (words::rate(all.count, minutes)) "): "
            @if all.errors == 0 { "none failed, " } @else {
                strong.bad { (words::counted(all.errors, "failed", "failed")) " (" (words::percent(all.error_share())) "), " }
            }
            "95 % took less than " strong { (words::maybe(p95)) } "."
            @if all.repeats > 0 {
                " " a.bad href="/console/traces?only=repeated" {
                    (words::counted(all.repeats, "request", "requests")) " with an N+1"
                } "."
            }
        }
        (refused(telemetry, minutes, all.count))
    }
}

/// How many requests were refused. They are not among those that were answered.
fn refused(telemetry: &Telemetry, minutes: usize, answered: u64) -> Markup {
    let refused: u64 = telemetry.refused_by_minute(minutes).iter().sum();
    if refused == 0 {
        return html! {};
    }
    #[expect(clippy::cast_precision_loss, reason = "a share of counts")]
    let share = refused as f64 / (refused + answered) as f64;
    html! {
        " Beside these " strong.bad { (words::counted(refused, "was refused", "were refused")) }
        " (" (words::percent(share)) " of all), because more came than could be answered."
    }
}

/// How many requests run and wait, and how late the threads are that run them.
fn admission(figures: Option<AdmissionFigures>) -> Markup {
    let Some(figures) = figures else { return html! {} };
    html! {
        " At most " (words::counted(figures.limit as u64, "request", "requests")) " run at once now"
        @if figures.waiting > 0 { ", and " (words::counted(figures.waiting as u64, "waits", "wait")) }
        "; the threads are " (words::duration(figures.scheduler_lag)) " late."
    }
}

/// The state of the jobs; the page is useful without its database, too.
async fn jobs(cx: &SystemContext) -> Markup {
    let Ok(Ok(counts)) = tokio::time::timeout(PATIENCE, admin::count_queued(cx)).await else {
        return html! { strong.bad { "The database does not answer, so jobs cannot be counted." } };
    };
    let of = |state| counts.iter().find(|(counted, _)| *counted == state).map_or(0, |(_, count)| *count);
    let (waiting, running) = (of(JobState::Available), of(JobState::Running));
    let retryable = of(JobState::Retryable);
    html! {
        a href="/console/jobs" { (words::counted(waiting, "job waits", "jobs wait")) } ", " (words::count(running)) " running"
        @if retryable > 0 {
            ", " a.bad href="/console/jobs?state=retryable" { (words::count(retryable)) " to be retried" }
        }
        "."
    }
}
