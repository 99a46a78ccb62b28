//! The statements about jobs. Everything a worker writes about a job is guarded by its token.

use std::time::Duration;

use tenfold_data::{DataError, EntityExt as _, SystemContext, SystemTx, Uuid, sql};

use crate::rows::{JobId, QueuedJob, StepId, StepRow};

/// The worker that writes about a job no longer holds it: another worker does, or an operator cancelled it.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the lease of job {0} was lost: another worker has it, or it was ended")]
pub struct LeaseLost(pub JobId);

impl From<LeaseLost> for DataError {
    fn from(lost: LeaseLost) -> Self {
        DataError::NotFound { entity: "job", key: lost.0.to_string() }
    }
}

/// A job that a worker holds, according to the database.
pub(crate) struct HeldJob {
    pub id: JobId,
    pub token: Uuid,
    /// An operator requested its cancellation.
    pub to_be_ended: bool,
}

/// Extends the leases of `worker`; returns the jobs that it still holds.
pub(crate) async fn heartbeat(
    cx: &SystemContext,
    worker: Uuid,
    lease: Duration,
) -> Result<Vec<HeldJob>, DataError> {
    cx.transaction(async |tx| {
        let held: Vec<(JobId, Uuid, bool)> = sql!(
            "tenfold_jobs.heartbeat",
            // The condition on the token matches the index of leased jobs: without it the whole queue would be read.
            "UPDATE tenfold_jobs SET lease_until = $1 WHERE worker = $2 AND token IS NOT NULL
             RETURNING id, token, cancel_requested"
        )
        .bind(tx.now() + lease)
        .bind(worker)
        .all(&*tx)
        .await?;
        Ok(held.into_iter().map(|(id, token, to_be_ended)| HeldJob { id, token, to_be_ended }).collect())
    })
    .await
}

/// Fails unless the job is still held under this token; locks its row until the transaction ends.
pub(crate) async fn guard(tx: &SystemTx<'_>, id: JobId, token: Uuid) -> anyhow::Result<()> {
    let held =
        sql!("tenfold_jobs.guard", "UPDATE tenfold_jobs SET token = token WHERE id = $1 AND token = $2")
            .bind(id)
            .bind(token)
            .execute(tx)
            .await?;
    if held == 0 { Err(LeaseLost(id).into()) } else { Ok(()) }
}

/// Like [`guard`], and records that a step was done: a job that makes progress is not poison, and no longer waits.
pub(crate) async fn advance(tx: &SystemTx<'_>, id: JobId, token: Uuid) -> anyhow::Result<()> {
    let held = sql!(
        "tenfold_jobs.advance",
        "UPDATE tenfold_jobs SET strikes = 0, waits = 0, steps = steps + 1 WHERE id = $1 AND token = $2"
    )
    .bind(id)
    .bind(token)
    .execute(tx)
    .await?;
    if held == 0 { Err(LeaseLost(id).into()) } else { Ok(()) }
}

pub(crate) async fn progress(
    tx: &SystemTx<'_>,
    id: JobId,
    token: Uuid,
    percent: i64,
    message: &str,
) -> anyhow::Result<()> {
    let held = sql!(
        "tenfold_jobs.progress",
        "UPDATE tenfold_jobs SET percent = $3, message = $4 WHERE id = $1 AND token = $2"
    )
    .bind(id)
    .bind(token)
    .bind(percent)
    .bind(message.to_owned())
    .execute(tx)
    .await?;
    if held == 0 { Err(LeaseLost(id).into()) } else { Ok(()) }
}

pub(crate) async fn step_result(
    cx: &SystemContext,
    job: JobId,
    name: &str,
) -> Result<Option<serde_json::Value>, DataError> {
    let step = StepRow::query().filter(StepRow::job_id.eq(job)).filter(StepRow::name.eq(name.to_owned()));
    Ok(step.first(cx).await?.map(|step| step.result))
}

pub(crate) async fn insert_step(
    tx: &SystemTx<'_>,
    job_id: JobId,
    name: &str,
    result: serde_json::Value,
) -> Result<(), DataError> {
    StepRow { id: StepId(tx.new_id()), job_id, name: name.to_owned(), result }.insert(tx).await?;
    Ok(())
}

/// Locks an unfinished job until the transaction ends, and reads it.
pub(crate) async fn lock(tx: &SystemTx<'_>, id: JobId) -> Result<Option<QueuedJob>, DataError> {
    let there = sql!("tenfold_jobs.lock", "UPDATE tenfold_jobs SET token = token WHERE id = $1")
        .bind(id)
        .execute(tx)
        .await?;
    if there == 0 { Ok(None) } else { Ok(Some((*QueuedJob::get(tx, id).await?).clone())) }
}
