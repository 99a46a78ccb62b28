//! `/console/queues`: how full the queues are, and when the schedules fire.

use maud::{Markup, html};
use serde::Deserialize;
use tenfold::http::Response;
use tenfold::jobs::Jobs;
use tenfold::jobs::admin::{QueueStatus, ScheduleStatus, UnknownQueue, UnknownSchedule};
use tenfold::prelude::*;

use super::job::{back_to, refused};
use crate::access::{Acting, Operator};
use crate::layout::{actions, nothing, page};
use crate::words;

pub(crate) async fn queues(operator: Operator, jobs: Use<Jobs>) -> Result<Response, Problem> {
    let (queues, schedules) = (jobs.queues().await?, jobs.schedules().await?);
    let content = html! {
        (queue_table(&operator, &queues))
        h2 { "Schedules" }
        (schedule_table(&operator, &schedules))
    };
    Ok(page("Queues", "/console/queues", &content))
}

/// Lets the jobs of a queue wait.
pub(crate) async fn pause(
    acting: Acting,
    jobs: Use<Jobs>,
    Path(queue): Path<String>,
) -> Result<Response, Problem> {
    acting.note("pauses a queue", &queue).await?;
    jobs.pause(&queue).await.map_err(refused::<UnknownQueue>(unknown))?;
    Ok(back_to("/console/queues"))
}

/// Lets them run again.
pub(crate) async fn resume(
    acting: Acting,
    jobs: Use<Jobs>,
    Path(queue): Path<String>,
) -> Result<Response, Problem> {
    acting.note("resumes a queue", &queue).await?;
    jobs.resume(&queue).await.map_err(refused::<UnknownQueue>(unknown))?;
    Ok(back_to("/console/queues"))
}

/// Which schedule to run; its name may have any characters.
#[derive(Deserialize)]
pub(crate) struct Chosen {
    name: String,
}

/// Enqueues the job of a schedule now.
pub(crate) async fn run(
    acting: Acting,
    jobs: Use<Jobs>,
    tenfold::axum::Form(Chosen { name }): tenfold::axum::Form<Chosen>,
) -> Result<Response, Problem> {
    acting.note("runs a schedule", &name).await?;
    let job = jobs.run_schedule(&name).await.map_err(refused::<UnknownSchedule>(unknown))?;
    Ok(back_to(&format!("/console/jobs/{job}")))
}

/// A name that no module declares is a 404.
fn unknown(why: String) -> Problem {
    Problem::not_found("name").detail(why)
}

fn queue_table(operator: &Operator, queues: &[QueueStatus]) -> Markup {
    html! {
        table {
            thead { tr {
                th { "Queue" } th.number { "Waiting" } th.number { "Running" } th.number { "At once, in a process" }
                th { "Oldest due since (UTC)" } th { span.unseen { "Actions" } }
            } }
            tbody {
                @for queue in queues {
                    @let (verb, label) = if queue.paused { ("resume", "Resume") } else { ("pause", "Pause") };
                    tr {
                        td {
                            code { (queue.name) }
                            @if queue.paused { " " span.bad { "paused" } }
                            @if queue.concurrency.is_none() { " " span.bad { "no module declares it: its jobs do not run" } }
                        }
                        td.number { (words::count(queue.waiting)) }
                        td.number { (words::count(queue.running)) }
                        td.number { (queue.concurrency.unwrap_or(0)) }
                        td { @if let Some(oldest) = queue.oldest { (words::moment(oldest)) } }
                        td { @if queue.concurrency.is_some() { (actions(operator, &html! {
                            form method="post" action={ "/console/queues/" (queue.name) "/" (verb) } { button { (label) } }
                        })) } }
                    }
                }
            }
        }
    }
}

fn schedule_table(operator: &Operator, schedules: &[ScheduleStatus]) -> Markup {
    if schedules.is_empty() {
        return nothing("No module declares one.");
    }
    html! {
        div.wide { table {
            thead { tr {
                th { "Schedule" } th { "When" } th { "Kind" } th { "Next (UTC)" } th { "Last (UTC)" }
                th { span.unseen { "Actions" } }
            } }
            tbody {
                @for schedule in schedules {
                    tr {
                        td { code { (schedule.name) } }
                        td { code { (schedule.spec) } " " span.quiet { (schedule.time_zone) } }
                        td { code { (schedule.kind) } }
                        td { @if let Some(next) = schedule.next_at { (words::moment(next)) } }
                        td {
                            @match (schedule.last_at, schedule.last_job) {
                                (Some(at), Some(job)) => { a href={ "/console/jobs/" (job) } { (words::moment(at)) } },
                                (Some(at), None) => { (words::moment(at)) },
                                (None, _) => {},
                            }
                        }
                        td { (actions(operator, &html! { form method="post" action="/console/schedules/run" {
                            input type="hidden" name="name" value=(schedule.name);
                            button { "Run now" }
                        } })) }
                    }
                }
            }
        } }
    }
}
