//! The statements of jobs. Whatever a worker writes about a job is guarded by its token.

use std::time::Duration;

use tenfold_data::{DataError, Entity as _, SystemContext, SystemTx, Timestamp, Uuid, sql};

use crate::context::LeaseLost;
use crate::rows::{AttemptError, JobId, JobState, QueuedJob, StepId, StepRow, with_error};

/// A job whose worker is lost this often is poison: it is what kills them.
const MAX_CRASHES: i64 = 3;

/// Whether a job may be claimed now; a read, so that an idle worker does not take SQLite's writer.
pub(crate) async fn is_any_due(cx: &SystemContext) -> Result<bool, DataError> {
    let due: Option<(JobId,)> = sql!(
        "tenfold_jobs.due",
        "SELECT id FROM tenfold_jobs WHERE token IS NULL AND run_at <= $1 ORDER BY priority, run_at, id LIMIT 1"
    )
    .bind(cx.now())
    .bounded()
    .first(cx)
    .await?;
    Ok(due.is_some())
}

/// Takes up to `limit` due jobs for `worker`; each token guards one claim.
pub(crate) async fn claim(
    cx: &SystemContext,
    worker: Uuid,
    token: Uuid,
    lease: Duration,
    limit: usize,
) -> Result<Vec<QueuedJob>, DataError> {
    cx.transaction(async |tx| {
        // The same statement but for the lock: on SQLite there is one writer, on PostgreSQL other workers claim at
        // the same time and must pass over what is being claimed.
        let claimed: Vec<(JobId,)> = sql!(
            "tenfold_jobs.claim",
            sqlite: "UPDATE tenfold_jobs
                     SET state = 'running', attempt = attempt + 1, worker = $1, token = $2, lease_until = $3
                     WHERE id IN (SELECT id FROM tenfold_jobs WHERE token IS NULL AND run_at <= $4
                                  ORDER BY priority, run_at, id LIMIT $5)
                     RETURNING id",
            postgres: "UPDATE tenfold_jobs
                     SET state = 'running', attempt = attempt + 1, worker = $1, token = $2, lease_until = $3
                     WHERE id IN (SELECT id FROM tenfold_jobs WHERE token IS NULL AND run_at <= $4
                                  ORDER BY priority, run_at, id LIMIT $5 FOR UPDATE SKIP LOCKED)
                     RETURNING id"
        )
        .bind(worker)
        .bind(token)
        .bind(tx.now() + lease)
        .bind(tx.now())
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .all(&*tx)
        .await?;
        let ids = claimed.into_iter().map(|(id,)| id).collect();
        let jobs = QueuedJob::find_many(&*tx, ids).await?;
        Ok(jobs.into_iter().flatten().map(|job| (*job).clone()).collect())
    })
    .await
}

/// Prolongs the leases of `worker`; gives the jobs that he still holds, and whether each is to be ended.
pub(crate) async fn heartbeat(
    cx: &SystemContext,
    worker: Uuid,
    lease: Duration,
) -> Result<Vec<(JobId, bool)>, DataError> {
    cx.transaction(async |tx| {
        sql!(
            "tenfold_jobs.heartbeat",
            "UPDATE tenfold_jobs SET lease_until = $1 WHERE worker = $2 RETURNING id, cancel_requested"
        )
        .bind(tx.now() + lease)
        .bind(worker)
        .all(&*tx)
        .await
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

/// Moves a job that is held under `token` to the history.
pub(crate) async fn finish(
    cx: &SystemContext,
    id: JobId,
    token: Uuid,
    state: JobState,
) -> anyhow::Result<()> {
    cx.transaction(async |tx| -> anyhow::Result<()> {
        guard(tx, id, token).await?;
        let job = QueuedJob::get(&*tx, id).await?;
        move_to_history(tx, (*job).clone(), state).await?;
        Ok(())
    })
    .await
}

/// Notes a failed attempt: the job is tried again after a pause, or discarded after its last.
pub(crate) async fn fail(
    cx: &SystemContext,
    id: JobId,
    token: Uuid,
    error: String,
) -> anyhow::Result<JobState> {
    cx.transaction(async |tx| -> anyhow::Result<JobState> {
        guard(tx, id, token).await?;
        let mut job = (*QueuedJob::get(&*tx, id).await?).clone();
        job.errors = with_error(&job.errors, AttemptError { attempt: job.attempt, at: tx.now(), error });
        if job.attempt >= job.max_attempts {
            move_to_history(tx, job, JobState::Discarded).await?;
            return Ok(JobState::Discarded);
        }
        let run_at = tx.now() + pause(job.attempt, id);
        release(tx, &job, JobState::Retryable, run_at).await?;
        Ok(JobState::Retryable)
    })
    .await
}

/// Gives a job back that was not finished, as if it had not been begun.
pub(crate) async fn hand_back(cx: &SystemContext, id: JobId, token: Uuid) -> anyhow::Result<()> {
    cx.transaction(async |tx| -> anyhow::Result<()> {
        guard(tx, id, token).await?;
        let mut job = (*QueuedJob::get(&*tx, id).await?).clone();
        job.attempt -= 1;
        release(tx, &job, JobState::Available, tx.now()).await?;
        Ok(())
    })
    .await
}

/// Frees the jobs whose workers are lost; the third loss of one job makes it poison. Says how many it found.
pub(crate) async fn rescue(cx: &SystemContext) -> Result<usize, DataError> {
    let lost: Vec<(JobId,)> = sql!(
        "tenfold_jobs.lost",
        "SELECT id FROM tenfold_jobs WHERE token IS NOT NULL AND lease_until < $1 ORDER BY lease_until LIMIT 100"
    )
    .bind(cx.now())
    .bounded()
    .all(cx)
    .await?;
    let mut rescued = 0;
    for (id,) in lost {
        rescued += usize::from(cx.transaction(async |tx| rescue_one(tx, id).await).await?);
    }
    Ok(rescued)
}

async fn rescue_one(tx: &SystemTx<'_>, id: JobId) -> Result<bool, DataError> {
    // Locks the row and looks again: its worker may have come back meanwhile, or another rescuer been quicker.
    let lost = sql!(
        "tenfold_jobs.rescue",
        "UPDATE tenfold_jobs SET crashes = crashes + 1
         WHERE id = $1 AND token IS NOT NULL AND lease_until < $2"
    )
    .bind(id)
    .bind(tx.now())
    .execute(tx)
    .await?;
    if lost == 0 {
        return Ok(false);
    }
    let mut job = (*QueuedJob::get(tx, id).await?).clone();
    let error = format!("its worker was lost at {}% ({})", job.percent, job.message);
    job.errors = with_error(&job.errors, AttemptError { attempt: job.attempt, at: tx.now(), error });
    if job.crashes >= MAX_CRASHES || job.attempt >= job.max_attempts {
        move_to_history(tx, job, JobState::Discarded).await?;
    } else {
        release(tx, &job, JobState::Available, tx.now()).await?;
    }
    Ok(true)
}

pub(crate) async fn move_to_history(
    tx: &SystemTx<'_>,
    job: QueuedJob,
    state: JobState,
) -> Result<(), DataError> {
    QueuedJob::delete(tx, job.id).await?;
    job.finished(state, tx.now()).insert(tx).await?;
    Ok(())
}

async fn release(
    tx: &SystemTx<'_>,
    job: &QueuedJob,
    state: JobState,
    run_at: Timestamp,
) -> Result<(), DataError> {
    QueuedJob::update(job.id)
        .set(QueuedJob::state, state)
        .set(QueuedJob::run_at, run_at)
        .set(QueuedJob::attempt, job.attempt)
        .set(QueuedJob::errors, job.errors.clone())
        .set(QueuedJob::worker, None)
        .set(QueuedJob::token, None)
        .set(QueuedJob::lease_until, None)
        .run(tx)
        .await
}

/// The pause after a failed attempt: 1 s, 2 s, 4 s … up to an hour, and up to a quarter more, so that jobs which
/// failed together do not come back together. The job's id decides how much, so that a test can tell.
fn pause(attempt: i64, id: JobId) -> Duration {
    let seconds = 1_u64 << u32::try_from(attempt - 1).unwrap_or(0).min(12);
    let base = Duration::from_secs(seconds.min(3600));
    let jitter = u32::from(id.0.as_bytes()[15]);
    base + base * jitter / 1024
}
