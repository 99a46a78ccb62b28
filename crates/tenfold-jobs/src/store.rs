//! The statements of jobs. Whatever a worker writes about a job is guarded by its token.

use std::time::Duration;

use tenfold_data::{DataError, Entity as _, SystemContext, SystemTx, Timestamp, Uuid, sql};

use crate::context::LeaseLost;
use crate::rows::{AttemptError, JobId, JobState, QueuedJob, StepId, StepRow, with_error};

/// Whether a job may be claimed now; a read, so that an idle worker does not take SQLite's writer.
pub(crate) async fn is_any_due(cx: &SystemContext, suspects: Suspects) -> Result<bool, DataError> {
    let due: Option<(JobId,)> = sql!(
        "tenfold_jobs.due",
        "SELECT id FROM tenfold_jobs WHERE token IS NULL AND run_at <= $1 AND (strikes < 2 OR $2)
         ORDER BY priority, run_at, id LIMIT 1"
    )
    .bind(cx.now())
    .bind(suspects == Suspects::One)
    .bounded()
    .first(cx)
    .await?;
    Ok(due.is_some())
}

/// Whether a claim may take a suspect: one, unless the process runs one already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Suspects {
    One,
    None,
}

/// Takes up to `limit` due jobs for `worker`; each token guards one claim.
pub(crate) async fn claim(
    cx: &SystemContext,
    worker: Uuid,
    token: Uuid,
    lease: Duration,
    limit: usize,
    suspects: Suspects,
) -> Result<Vec<QueuedJob>, DataError> {
    cx.transaction(async |tx| {
        // The same statement but for the lock: on SQLite there is one writer, on PostgreSQL other workers claim at
        // the same time and must pass over what is being claimed.
        let claimed: Vec<(JobId,)> = sql!(
            "tenfold_jobs.claim",
            sqlite: "UPDATE tenfold_jobs
                     SET state = 'running', attempt = attempt + 1, worker = $1, token = $2, lease_until = $3
                     WHERE id IN (SELECT id FROM tenfold_jobs WHERE token IS NULL AND run_at <= $4
                                  AND (strikes < 2 OR $6 AND id = (
                                      SELECT id FROM tenfold_jobs WHERE token IS NULL AND strikes >= 2
                                      AND run_at <= $4 ORDER BY priority, run_at, id LIMIT 1))
                                  ORDER BY priority, run_at, id LIMIT $5)
                     RETURNING id",
            postgres: "UPDATE tenfold_jobs
                     SET state = 'running', attempt = attempt + 1, worker = $1, token = $2, lease_until = $3
                     WHERE id IN (SELECT id FROM tenfold_jobs WHERE token IS NULL AND run_at <= $4
                                  AND (strikes < 2 OR $6 AND id = (
                                      SELECT id FROM tenfold_jobs WHERE token IS NULL AND strikes >= 2
                                      AND run_at <= $4 ORDER BY priority, run_at, id LIMIT 1))
                                  ORDER BY priority, run_at, id LIMIT $5 FOR UPDATE SKIP LOCKED)
                     RETURNING id"
        )
        .bind(worker)
        .bind(token)
        .bind(tx.now() + lease)
        .bind(tx.now())
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .bind(suspects == Suspects::One)
        .all(&*tx)
        .await?;
        let ids = claimed.into_iter().map(|(id,)| id).collect();
        let jobs = QueuedJob::find_many(&*tx, ids).await?;
        Ok(jobs.into_iter().flatten().map(|job| (*job).clone()).collect())
    })
    .await
}

/// What a worker holds, as the database has it.
pub(crate) struct Held {
    pub id: JobId,
    pub token: Uuid,
    /// A person wants it ended.
    pub to_be_ended: bool,
}

/// Prolongs the leases of `worker`; gives the jobs that he still holds.
pub(crate) async fn heartbeat(
    cx: &SystemContext,
    worker: Uuid,
    lease: Duration,
) -> Result<Vec<Held>, DataError> {
    cx.transaction(async |tx| {
        let held: Vec<(JobId, Uuid, bool)> = sql!(
            "tenfold_jobs.heartbeat",
            // The token is named for the index of what is leased: without it the whole queue would be read.
            "UPDATE tenfold_jobs SET lease_until = $1 WHERE worker = $2 AND token IS NOT NULL
             RETURNING id, token, cancel_requested"
        )
        .bind(tx.now() + lease)
        .bind(worker)
        .all(&*tx)
        .await?;
        Ok(held.into_iter().map(|(id, token, to_be_ended)| Held { id, token, to_be_ended }).collect())
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

/// As [`guard`], and notes that a step was done: whoever gets on is not what kills workers.
pub(crate) async fn advance(tx: &SystemTx<'_>, id: JobId, token: Uuid) -> anyhow::Result<()> {
    let held =
        sql!("tenfold_jobs.advance", "UPDATE tenfold_jobs SET strikes = 0 WHERE id = $1 AND token = $2")
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
        // It failed, and the worker is alive.
        job.strikes = 0;
        if job.own_attempts() >= job.max_attempts {
            move_to_history(tx, job, JobState::Discarded).await?;
            return Ok(JobState::Discarded);
        }
        let run_at = tx.now() + pause(job.own_attempts(), id);
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

/// Frees the jobs whose workers are lost. A job with `poison_after` strikes is what kills them: it is discarded. Says how
/// many it found.
pub(crate) async fn rescue(cx: &SystemContext, poison_after: u32) -> Result<usize, DataError> {
    let lost: Vec<(JobId,)> = sql!(
        "tenfold_jobs.lost",
        "SELECT id FROM tenfold_jobs WHERE token IS NOT NULL AND lease_until < $1 ORDER BY lease_until LIMIT 100"
    )
    .bind(cx.now())
    .bounded()
    .all(cx)
    .await?;
    let each = cx.repeating("each lost job is judged in a transaction of its own");
    let mut rescued = 0;
    for (id,) in lost {
        rescued += usize::from(each.transaction(async |tx| rescue_one(tx, id, poison_after).await).await?);
    }
    Ok(rescued)
}

async fn rescue_one(tx: &SystemTx<'_>, id: JobId, poison_after: u32) -> Result<bool, DataError> {
    // Locks the row and looks again: its worker may have come back meanwhile, or another rescuer been quicker.
    let lost = sql!(
        "tenfold_jobs.rescue",
        "UPDATE tenfold_jobs SET crashes = crashes + 1, strikes = strikes + 1
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
    if job.strikes >= i64::from(poison_after) {
        move_to_history(tx, job, JobState::Discarded).await?;
        return Ok(true);
    }
    let pause = pause_after_loss(job.strikes);
    let state = if pause.is_zero() { JobState::Available } else { JobState::Retryable };
    release(tx, &job, state, tx.now() + pause).await?;
    Ok(true)
}

/// Locks a job that is not finished until the transaction ends, and reads it.
pub(crate) async fn lock(tx: &SystemTx<'_>, id: JobId) -> Result<Option<QueuedJob>, DataError> {
    let there = sql!("tenfold_jobs.lock", "UPDATE tenfold_jobs SET token = token WHERE id = $1")
        .bind(id)
        .execute(tx)
        .await?;
    if there == 0 { Ok(None) } else { Ok(Some((*QueuedJob::get(tx, id).await?).clone())) }
}

pub(crate) async fn move_to_history(
    tx: &SystemTx<'_>,
    job: QueuedJob,
    state: JobState,
) -> Result<(), DataError> {
    QueuedJob::delete(tx, job.id).await?;
    if state == JobState::Completed {
        // Nobody asks for its steps any more; those of a job that was given up serve when it is tried again.
        sql!("tenfold_job_results.delete", "DELETE FROM tenfold_job_results WHERE job_id = $1")
            .bind(job.id)
            .execute(tx)
            .await?;
    }
    job.finished(state, tx.now()).insert(tx).await?;
    Ok(())
}

pub(crate) async fn release(
    tx: &SystemTx<'_>,
    job: &QueuedJob,
    state: JobState,
    run_at: Timestamp,
) -> Result<(), DataError> {
    QueuedJob::update(job.id)
        .set(QueuedJob::state, state)
        .set(QueuedJob::run_at, run_at)
        .set(QueuedJob::attempt, job.attempt)
        .set(QueuedJob::strikes, job.strikes)
        .set(QueuedJob::errors, job.errors.clone())
        .set(QueuedJob::worker, None)
        .set(QueuedJob::token, None)
        .set(QueuedJob::lease_until, None)
        .run(tx)
        .await
}

/// The pause after a lost worker: none at first, then 4 s, 16 s, 64 s … up to an hour. What kills workers from outside
/// comes in bursts, and a job must not be judged by one burst.
fn pause_after_loss(strikes: i64) -> Duration {
    let exponent = u32::try_from(strikes - 1).unwrap_or(0).min(6);
    if exponent == 0 { Duration::ZERO } else { Duration::from_secs(4_u64.pow(exponent).min(3600)) }
}

/// The pause after a failed attempt: 1 s, 2 s, 4 s … up to an hour, and up to a quarter more, so that jobs which
/// failed together do not come back together. The job's id decides how much, so that a test can tell.
fn pause(failures: i64, id: JobId) -> Duration {
    let seconds = 1_u64 << u32::try_from(failures - 1).unwrap_or(0).min(12);
    let base = Duration::from_secs(seconds.min(3600));
    let jitter = u32::from(id.0.as_bytes()[15]);
    base + base * jitter / 1024
}
