//! `jobs`: what waits, runs and failed; or one job.

use serde_json::{Value, json};
use tenfold::jobs::admin::{self, AnyJob};
use tenfold::jobs::{JobId, JobState, without_secrets};

use crate::mcp::bounds::{LONG_TEXT, TEXT, add_rows, cut, cut_json};
use crate::mcp::input::{InputKind, ToolInput, limit};
use crate::mcp::tool::{McpTool, ToolAnswer, ToolCall, ToolEffect, ToolFault};
use crate::pages::ShownJob;

pub(super) const JOBS: McpTool = McpTool {
    name: "jobs",
    title: "Jobs",
    about: "Without arguments: how many jobs there are in each state, and the queues. With `state`: those jobs, with their last error. With \
            `id`: one job, its arguments without secrets, and its errors. `endpoints` with `of: jobs` has the durations of each kind.",
    inputs: &[
        ToolInput {
            name: "state",
            about: "Jobs in this state. Finished ones are completed, cancelled or discarded (given up).",
            kind: InputKind::MaybeWord(&[
                "available",
                "scheduled",
                "waiting",
                "running",
                "retryable",
                "completed",
                "cancelled",
                "discarded",
            ]),
            required: false,
        },
        ToolInput { name: "id", about: "One job.", kind: InputKind::Id, required: false },
        limit(20, 50),
    ],
    effect: ToolEffect::Reads,
};

pub(super) async fn jobs(call: &ToolCall<'_>) -> ToolAnswer {
    if let Some(id) = call.arguments.id("id") {
        return one(call, JobId(id)).await;
    }
    match call.arguments.text("state") {
        None => counts(call).await,
        Some(state) => list(call, state).await,
    }
}

async fn counts(call: &ToolCall<'_>) -> ToolAnswer {
    let counts = admin::count_queued(call.caller.cx).await?;
    let counts: serde_json::Map<String, Value> =
        counts.into_iter().map(|(state, count)| (state.as_str().to_owned(), json!(count))).collect();
    let queues = call.caller.jobs.queues().await?;
    let queues = queues.into_iter().map(|queue| {
        json!({
            "name": queue.name,
            "paused": queue.paused,
            "waiting": queue.waiting,
            "running": queue.running,
            "at_once": queue.concurrency,
            "oldest_due_since": queue.oldest.map(|at| at.to_string()),
        })
    });
    let mut answer = json!({"not_finished": counts, "counted_up_to": 10_000});
    add_rows(&mut answer, "queues", queues, 50, "/console/queues has all");
    Ok(answer)
}

async fn list(call: &ToolCall<'_>, state: &str) -> ToolAnswer {
    let Ok(state) = serde_json::from_value::<JobState>(json!(state)) else {
        return Err(ToolFault::Refused("`state` is no state of jobs".to_owned()));
    };
    let (cx, most) = (call.caller.cx, call.arguments.number("limit"));
    let jobs: Vec<ShownJob> = match state {
        JobState::Completed | JobState::Cancelled | JobState::Discarded => {
            admin::finished(cx, state, most + 1).await?.into_iter().map(ShownJob::from).collect()
        }
        _ => admin::queued(cx, state, most + 1).await?.into_iter().map(ShownJob::from).collect(),
    };
    let rows = jobs.iter().map(|job| {
        let mut row = facts(job);
        row["last_error"] = json!(job.errors.last().map(|last| cut(&last.error, TEXT)));
        row
    });
    let mut answer = json!({"state": state.as_str()});
    add_rows(&mut answer, "jobs", rows, most, "at least so many more; give a higher `limit`");
    Ok(answer)
}

/// The job with an id.
pub(super) async fn find(call: &ToolCall<'_>, id: JobId) -> Result<ShownJob, ToolFault> {
    match admin::find(call.caller.cx, id).await? {
        Some(AnyJob::Queued(job)) => Ok(job.into()),
        Some(AnyJob::Finished(job)) => Ok(job.into()),
        None => {
            Err(ToolFault::Refused(format!("`id`: there is no job {id}; `jobs` lists those that there are")))
        }
    }
}

async fn one(call: &ToolCall<'_>, id: JobId) -> ToolAnswer {
    let job = find(call, id).await?;
    let mut answer = facts(&job);
    answer["arguments"] = cut_json(&without_secrets(&job.args), LONG_TEXT);
    let errors = job.errors.iter().rev().map(|error| {
        json!({"attempt": error.attempt, "at": error.at.to_string(), "error": cut(&error.error, LONG_TEXT)})
    });
    add_rows(&mut answer, "errors", errors, 10, "/console/jobs/{id} has all");
    Ok(answer)
}

fn facts(job: &ShownJob) -> Value {
    json!({
        "id": job.id.to_string(),
        "kind": job.kind,
        "state": job.state.as_str(),
        "organization": job.org_id.map(|id| id.to_string()),
        "attempts": job.attempts,
        "workers_lost": job.crashes,
        "progress": job.progress,
        "enqueued": job.created_at.to_string(),
        "due_or_finished": job.when.to_string(),
    })
}
