//! How an attempt ends: the job is done, is retried, or is given up, and then its listener is notified.

use std::time::Duration;

use tenfold_data::{DataError, EntityExt as _, SystemContext, SystemTx, Timestamp, Uuid, sql};

use crate::given_up;
use crate::job::Registry;
use crate::later::Postponed;
use crate::rows::{AttemptError, JobId, JobState, QueuedJob, with_error};
use crate::store::guard;

/// Moves a job that is held under `token` to the history as completed.
pub(crate) async fn complete(cx: &SystemContext, id: JobId, token: Uuid) -> anyhow::Result<()> {
    cx.transaction(async |tx| -> anyhow::Result<()> {
        let mut job = held(tx, id, token).await?;
        if job.waits > 0 {
            // It no longer waits for what its last message names.
            job.message.clear();
        }
        // Its steps are no longer needed; those of a job that was given up are used if it is retried.
        sql!("tenfold_job_results.delete", "DELETE FROM tenfold_job_results WHERE job_id = $1")
            .bind(id)
            .execute(tx)
            .await?;
        Ok(move_to_history(tx, job, JobState::Completed).await?)
    })
    .await
}

/// Cancels a job that is held under `token`, as an operator requested.
pub(crate) async fn cancel(
    cx: &SystemContext,
    registry: &Registry,
    id: JobId,
    token: Uuid,
) -> anyhow::Result<()> {
    cx.transaction(async |tx| -> anyhow::Result<()> {
        let job = held(tx, id, token).await?;
        Ok(give_up(tx, registry, job, JobState::Cancelled).await?)
    })
    .await
}

/// Records a failed attempt: the job is retried after a pause, or discarded after its last attempt.
pub(crate) async fn fail(
    cx: &SystemContext,
    registry: &Registry,
    id: JobId,
    token: Uuid,
    error: String,
) -> anyhow::Result<()> {
    cx.transaction(async |tx| -> anyhow::Result<()> {
        let mut job = held(tx, id, token).await?;
        job.errors = with_error(&job.errors, AttemptError { attempt: job.attempt, at: tx.now(), error });
        // The job failed, but the worker is alive.
        (job.strikes, job.waits) = (0, 0);
        let pause = pause(job.own_attempts(), id);
        let is_over = job.own_attempts() >= job.max_attempts;
        Ok(settle(tx, registry, job, is_over, pause).await?)
    })
    .await
}

/// Records an attempt that does not count: the job is retried after a pause.
pub(crate) async fn postpone(
    cx: &SystemContext,
    registry: &Registry,
    id: JobId,
    token: Uuid,
    postponed: Postponed,
    error: String,
) -> anyhow::Result<()> {
    cx.transaction(async |tx| -> anyhow::Result<()> {
        let mut job = held(tx, id, token).await?;
        job.errors = with_error(&job.errors, AttemptError { attempt: job.attempt, at: tx.now(), error });
        (job.strikes, job.waits) = (0, job.waits + 1);
        job.attempt -= 1;
        job.message = postponed.reason;
        let pause = postponed.pause.unwrap_or_else(|| pause_of_waiting(job.waits, id));
        Ok(settle(tx, registry, job, false, pause).await?)
    })
    .await
}

/// Returns an unfinished job to the queue, as if it had not been started.
pub(crate) async fn hand_back(cx: &SystemContext, id: JobId, token: Uuid) -> anyhow::Result<()> {
    cx.transaction(async |tx| -> anyhow::Result<()> {
        let mut job = held(tx, id, token).await?;
        job.attempt -= 1;
        release(tx, &job, JobState::Available, tx.now()).await?;
        Ok(())
    })
    .await
}

/// Frees the jobs whose workers are lost. A job with `poison_after` strikes is considered the cause and discarded.
/// Returns the number of jobs found.
pub(crate) async fn rescue(
    cx: &SystemContext,
    registry: &Registry,
    poison_after: u32,
) -> Result<usize, DataError> {
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
        let rescue = async |tx: &mut SystemTx<'_>| rescue_one(tx, registry, id, poison_after).await;
        rescued += usize::from(each.transaction(rescue).await?);
    }
    Ok(rescued)
}

async fn rescue_one(
    tx: &SystemTx<'_>,
    registry: &Registry,
    id: JobId,
    poison_after: u32,
) -> Result<bool, DataError> {
    // Locks the row and checks again: the worker may have come back meanwhile, or another rescuer may have been
    // faster.
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
    let (pause, is_poison) = (pause_after_loss(job.strikes), job.strikes >= i64::from(poison_after));
    settle(tx, registry, job, is_poison, pause).await?;
    Ok(true)
}

/// Settles an unfinished attempt: the job is retried after the pause, or given up.
async fn settle(
    tx: &SystemTx<'_>,
    registry: &Registry,
    job: QueuedJob,
    is_over: bool,
    pause: Duration,
) -> Result<(), DataError> {
    if job.cancel_requested {
        return give_up(tx, registry, job, JobState::Cancelled).await;
    }
    // A process that does not know the kind, for instance an older one, does not know its listener either.
    if is_over && !job.is_endless() && registry.get(&job.kind).is_some() {
        return give_up(tx, registry, job, JobState::Discarded).await;
    }
    let state = if pause.is_zero() { JobState::Available } else { JobState::Retryable };
    release(tx, &job, state, tx.now() + pause).await
}

/// Ends a job without success, and notifies its listener.
pub(crate) async fn give_up(
    tx: &SystemTx<'_>,
    registry: &Registry,
    job: QueuedJob,
    state: JobState,
) -> Result<(), DataError> {
    given_up::follow(tx, registry, &job, state).await?;
    move_to_history(tx, job, state).await
}

async fn held(tx: &SystemTx<'_>, id: JobId, token: Uuid) -> anyhow::Result<QueuedJob> {
    guard(tx, id, token).await?;
    Ok((*QueuedJob::get(tx, id).await?).clone())
}

async fn move_to_history(tx: &SystemTx<'_>, job: QueuedJob, state: JobState) -> Result<(), DataError> {
    QueuedJob::delete(tx, job.id).await?;
    job.finished(state, tx.now()).insert(tx).await?;
    Ok(())
}

/// Releases a job, which may run again from `run_at` on.
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
        .set(QueuedJob::waits, job.waits)
        .set(QueuedJob::message, job.message.clone())
        .set(QueuedJob::errors, job.errors.clone())
        .set(QueuedJob::worker, None)
        .set(QueuedJob::token, None)
        .set(QueuedJob::lease_until, None)
        .run(tx)
        .await
}

/// The pause after a lost worker: none at first, then 4 s, 16 s, 64 s … up to an hour. External causes of lost workers
/// come in bursts, and one burst must not condemn a job.
fn pause_after_loss(strikes: i64) -> Duration {
    let exponent = u32::try_from(strikes - 1).unwrap_or(0).min(6);
    if exponent == 0 { Duration::ZERO } else { Duration::from_secs(4_u64.pow(exponent).min(3600)) }
}

/// The pause after a failed attempt: 1 s, 2 s, 4 s … up to an hour.
fn pause(failures: i64, id: JobId) -> Duration {
    doubled(failures, 3600, id)
}

/// The pause of a job that waits for something outside: 1 s, 2 s, 4 s … up to five minutes, since it may become
/// available again at any moment.
fn pause_of_waiting(waits: i64, id: JobId) -> Duration {
    doubled(waits, 300, id)
}

/// One second, doubled each time up to `most` seconds, plus up to a quarter as jitter, so that jobs that failed
/// together do not retry together. The jitter is derived from the job's id, so that tests can predict it.
fn doubled(times: i64, most: u64, id: JobId) -> Duration {
    let seconds = 1_u64 << u32::try_from(times - 1).unwrap_or(0).min(12);
    let base = Duration::from_secs(seconds.min(most));
    let jitter = u32::from(id.0.as_bytes()[15]);
    base + base * jitter / 1024
}
