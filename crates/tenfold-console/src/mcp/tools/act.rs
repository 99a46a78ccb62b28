//! `retry_job` and `cancel_job`: what an operator who may act can do here. Each asks first, and is in the operators' log.

use serde_json::json;
use tenfold::jobs::JobId;
use tenfold::jobs::admin::NotNow;
use tenfold::prelude::DataError;

use super::jobs::find;
use crate::access::{Acting, MAY_LOOK};
use crate::mcp::input::{InputKind, ToolInput};
use crate::mcp::tool::{McpTool, ToolAnswer, ToolCall, ToolEffect, ToolFault};

const INPUTS: &[ToolInput] = &[
    ToolInput { name: "id", about: "The job.", kind: InputKind::Id, required: true },
    ToolInput {
        name: "confirm",
        about: "Must be true, after the person has agreed to it.",
        kind: InputKind::Flag,
        required: false,
    },
];

pub(super) const RETRY_JOB: McpTool = McpTool {
    name: "retry_job",
    title: "Run a job again",
    about: "Lets a job run now that waits for its next attempt, was given up or was cancelled. It continues after its last finished step. Call \
            it without `confirm` to see what it would do, ask the person, then call it with `confirm: true`.",
    inputs: INPUTS,
    effect: ToolEffect::Runs,
};

pub(super) const CANCEL_JOB: McpTool = McpTool {
    name: "cancel_job",
    title: "Cancel a job",
    about: "Ends a job that is not finished: at once if it waits, else within seconds. Call it without `confirm` to see what it would do, ask \
            the person, then call it with `confirm: true`.",
    inputs: INPUTS,
    effect: ToolEffect::Ends,
};

pub(super) async fn retry_job(call: &ToolCall<'_>) -> ToolAnswer {
    let (acting, id) = confirmed(call, "would run again").await?;
    acting.note("runs a job again, by an agent", &id.to_string()).await?;
    match call.caller.jobs.retry(id).await {
        Ok(()) => Ok(json!({"done": format!("the job {id} runs as soon as a worker is free")})),
        Err(error) => match error.downcast_ref::<NotNow>() {
            Some(why) => Err(ToolFault::Refused(format!("`id`: {why}"))),
            None => Err(error.into()),
        },
    }
}

pub(super) async fn cancel_job(call: &ToolCall<'_>) -> ToolAnswer {
    let (acting, id) = confirmed(call, "would be cancelled").await?;
    acting.note("ends a job, by an agent", &id.to_string()).await?;
    match call.caller.jobs.cancel(id).await {
        Ok(()) => Ok(
            json!({"done": format!("the job {id} is cancelled, or will be at its worker's next heartbeat")}),
        ),
        Err(error) => match error.downcast_ref::<DataError>() {
            Some(DataError::NotFound { .. }) => {
                Err(ToolFault::Refused(format!("`id`: the job {id} is finished, so it cannot be cancelled")))
            }
            _ => Err(error.into()),
        },
    }
}

/// The operator and the job, if the operator may act and the call is confirmed.
async fn confirmed<'a>(call: &'a ToolCall<'_>, what: &str) -> Result<(&'a Acting, JobId), ToolFault> {
    let Some(acting) = call.caller.acting else {
        return Err(ToolFault::Refused(format!("you may look, and not act: {MAY_LOOK}")));
    };
    let id = JobId(call.arguments.id("id").unwrap_or_default());
    let job = find(call, id).await?;
    if call.arguments.flag("confirm") {
        return Ok((acting, id));
    }
    let (kind, state) = (&job.kind, job.state.as_str());
    Err(ToolFault::Refused(format!(
        "`confirm` must be true: the job {id} ({kind}, {state}, attempt {}) {what}. Ask the person first",
        job.attempts
    )))
}
