//! How an attempt ends: the job is done, is retried, or is given up, and then its listener is notified. Jobs that are done
//! end many at a time.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use tenfold_data::{DataError, EntityExt as _, OrgId, SystemContext, SystemTx, Timestamp, Uuid, sql};

use crate::later::{NotYourTurn, Postponed};
use crate::registry::Registry;
use crate::rows::{AttemptError, JobId, JobState, QueuedJob, with_error};
use crate::store::guard;
use crate::{batch, due, given_up, ordered, signals, unique};

/// A job whose work is done.
#[derive(Clone, Debug)]
pub(crate) struct Done {
    pub id: JobId,
    pub token: Uuid,
    pub org_id: Option<OrgId>,
    pub holds_key: bool,
    pub batch_id: Option<JobId>,
    pub order_key: Option<String>,
}

/// Why an attempt failed.
pub(crate) struct AttemptFailure {
    /// The error with its causes, for operators.
    pub error: String,
    /// Whether no further attempt can succeed.
    pub is_final: bool,
}

impl Done {
    pub(crate) fn of(job: &QueuedJob, token: Uuid) -> Self {
        Done {
            id: job.id,
            token,
            org_id: job.org_id,
            holds_key: job.holds_key,
            batch_id: job.batch_id,
            order_key: job.order_key.clone(),
        }
    }
}

/// What became of jobs whose work is done.
pub(crate) struct CompletedJobs {
    /// Those that are in the history. The leases of the others are lost.
    pub ended: HashSet<JobId>,
    /// Keys of orders that publishers hold, so that the next jobs still wait.
    pub held_keys: Vec<String>,
}

/// Moves jobs that are held under their tokens to the history as completed, with the same statements for one job as for
/// hundreds. It waits for no publisher.
pub(crate) async fn complete(cx: &SystemContext, done: &[Done]) -> Result<CompletedJobs, DataError> {
    cx.transaction(async |tx| {
        let keys: BTreeSet<String> = done.iter().filter_map(|done| done.order_key.clone()).collect();
        let keys = Vec::from_iter(keys);
        let free = if keys.is_empty() { Vec::new() } else { ordered::lock_free(tx, &keys).await? };
        let moved = move_completed(tx, done).await?;
        let ended: Vec<JobId> = moved.iter().map(|(id, _)| *id).collect();
        delete(tx, &ended).await?;
        // Its steps are no longer needed; those of a job that was given up are used if it is retried.
        let stepped: Vec<JobId> = moved.iter().filter(|(_, steps)| *steps > 0).map(|(id, _)| *id).collect();
        if !stepped.is_empty() {
            delete_results(tx, &stepped).await?;
        }
        let ended: HashSet<JobId> = ended.into_iter().collect();
        let of_ended = || done.iter().filter(|done| ended.contains(&done.id));
        let unique: Vec<JobId> = of_ended().filter(|done| done.holds_key).map(|done| done.id).collect();
        if !unique.is_empty() {
            unique::free(tx, &unique).await?;
        }
        let batches: BTreeSet<JobId> = of_ended().filter_map(|done| done.batch_id).collect();
        if !batches.is_empty() {
            batch::release(tx, &Vec::from_iter(batches)).await?;
        }
        if !free.is_empty() {
            ordered::release(tx, &free, tx.now()).await?;
        }
        for organization in of_ended().map(|done| done.org_id).collect::<HashSet<_>>() {
            tx.signal(signals::jobs_changed(organization));
        }
        if of_ended().any(|done| done.batch_id.is_some() || done.order_key.is_some()) {
            tx.signal(signals::waits_somewhere());
        }
        let held_keys = keys.into_iter().filter(|key| !free.contains(key)).collect();
        Ok(CompletedJobs { ended, held_keys })
    })
    .await
}

/// Copies the jobs that are still held under these tokens to the history; returns them with the numbers of their steps.
/// A token belongs to one claim of one job, so the two lists need no pairs.
async fn move_completed(tx: &SystemTx<'_>, done: &[Done]) -> Result<Vec<(JobId, i64)>, DataError> {
    let ids: Vec<JobId> = done.iter().map(|done| done.id).collect();
    let tokens: Vec<Uuid> = done.iter().map(|done| done.token).collect();
    // PostgreSQL locks the rows, so that no rescue intervenes before they are deleted. A job that had to wait no longer
    // waits for what its last message names.
    sql!(
        "tenfold_job_history.complete",
        sqlite: "INSERT INTO tenfold_job_history (id, org_id, kind, queue, state, priority, args, attempt, max_attempts,
                     steps, version, tags, batch_id, order_key, order_number, crashes, percent, message, errors, trace,
                     created_at, finished_at)
                 SELECT id, org_id, kind, queue, 'completed', priority, args, attempt, max_attempts,
                     steps, version, tags, batch_id, order_key, order_number, crashes, 100,
                     CASE WHEN waits > 0 THEN '' ELSE message END, errors, trace, created_at, $3
                 FROM tenfold_jobs WHERE id IN (SELECT value FROM rarray($1)) AND token IN (SELECT value FROM rarray($2))
                 RETURNING id, steps",
        postgres: "INSERT INTO tenfold_job_history (id, org_id, kind, queue, state, priority, args, attempt, max_attempts,
                     steps, version, tags, batch_id, order_key, order_number, crashes, percent, message, errors, trace,
                     created_at, finished_at)
                 SELECT id, org_id, kind, queue, 'completed', priority, args, attempt, max_attempts,
                     steps, version, tags, batch_id, order_key, order_number, crashes, 100,
                     CASE WHEN waits > 0 THEN '' ELSE message END, errors, trace, created_at, $3
                 FROM tenfold_jobs WHERE id = ANY ($1) AND token = ANY ($2) FOR UPDATE
                 RETURNING id, steps"
    )
    .bind_list(&ids)
    .bind_list(&tokens)
    .bind(tx.now())
    .all(tx)
    .await
}

async fn delete(tx: &SystemTx<'_>, jobs: &[JobId]) -> Result<(), DataError> {
    sql!(
        "tenfold_jobs.delete_ended",
        sqlite: "DELETE FROM tenfold_jobs WHERE id IN (SELECT value FROM rarray($1))",
        postgres: "DELETE FROM tenfold_jobs WHERE id = ANY ($1)"
    )
    .bind_list(jobs)
    .execute(tx)
    .await?;
    Ok(())
}

async fn delete_results(tx: &SystemTx<'_>, jobs: &[JobId]) -> Result<(), DataError> {
    sql!(
        "tenfold_job_results.delete",
        sqlite: "DELETE FROM tenfold_job_results WHERE job_id IN (SELECT value FROM rarray($1))",
        postgres: "DELETE FROM tenfold_job_results WHERE job_id = ANY ($1)"
    )
    .bind_list(jobs)
    .execute(tx)
    .await?;
    Ok(())
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
    failure: AttemptFailure,
) -> anyhow::Result<()> {
    let now = due::now(cx).await?;
    let AttemptFailure { error, is_final } = failure;
    cx.transaction(async |tx| -> anyhow::Result<()> {
        let mut job = held(tx, id, token).await?;
        job.errors = with_error(&job.errors, AttemptError { attempt: job.attempt, at: tx.now(), error });
        // The job failed, but the worker is alive. Its next attempt needs another turn of its rate limit.
        (job.strikes, job.waits, job.turn_at) = (0, 0, None);
        let retry_at = now + pause(job.own_attempts(), id);
        let is_over = is_final || job.own_attempts() >= job.max_attempts;
        Ok(settle(tx, registry, job, is_over, Some(retry_at)).await?)
    })
    .await
}

/// Records an attempt that does not count: the job runs again after a pause.
pub(crate) async fn postpone(
    cx: &SystemContext,
    registry: &Registry,
    id: JobId,
    token: Uuid,
    postponed: Postponed,
    error: String,
) -> anyhow::Result<()> {
    let now = due::now(cx).await?;
    cx.transaction(async |tx| -> anyhow::Result<()> {
        let mut job = held(tx, id, token).await?;
        let attempt = job.attempt;
        (job.strikes, job.attempt) = (0, attempt - 1);
        let run_at = match postponed {
            Postponed::Waits { reason, pause } => {
                job.errors = with_error(&job.errors, AttemptError { attempt, at: tx.now(), error });
                (job.waits, job.message) = (job.waits + 1, reason);
                let pause = pause.unwrap_or_else(|| pause_of_waiting(job.waits, id));
                return Ok(settle(tx, registry, job, false, Some(now + pause)).await?);
            }
            Postponed::Snoozes(pause) => now + pause,
            Postponed::Turn(NotYourTurn::Wait(turn)) => {
                job.turn_at = Some(turn);
                turn
            }
            Postponed::Turn(NotYourTurn::AskAgain(at)) => at,
        };
        if job.cancel_requested {
            return Ok(give_up(tx, registry, job, JobState::Cancelled).await?);
        }
        Ok(release(tx, &job, JobState::Scheduled, run_at).await?)
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

/// Settles an unfinished attempt: the job is retried at a time, or at once if there is none, or is given up.
pub(crate) async fn settle(
    tx: &SystemTx<'_>,
    registry: &Registry,
    job: QueuedJob,
    is_over: bool,
    retry_at: Option<Timestamp>,
) -> Result<(), DataError> {
    if job.cancel_requested {
        return give_up(tx, registry, job, JobState::Cancelled).await;
    }
    // A process that does not know the kind, for instance an older one, does not know its listener either.
    if is_over && !job.is_endless() && registry.get(&job.kind).is_some() {
        return give_up(tx, registry, job, JobState::Discarded).await;
    }
    match retry_at {
        Some(at) => release(tx, &job, JobState::Retryable, at).await,
        None => release(tx, &job, JobState::Available, tx.now()).await,
    }
}

/// Ends a job without success, and notifies its listener. The transaction has locked its order ([`ordered::lock_of`]), and then
/// the job.
pub(crate) async fn give_up(
    tx: &SystemTx<'_>,
    registry: &Registry,
    job: QueuedJob,
    state: JobState,
) -> Result<(), DataError> {
    given_up::follow(tx, registry, &job, state).await?;
    move_to_history(tx, job, state).await
}

/// Locks a job that is held under `token`, and the key of its order before, which its end needs.
async fn held(tx: &SystemTx<'_>, id: JobId, token: Uuid) -> anyhow::Result<QueuedJob> {
    ordered::lock_of(tx, id).await?;
    guard(tx, id, token).await?;
    Ok((*QueuedJob::get(tx, id).await?).clone())
}

/// Moves a job that its transaction has locked to the history, and lets those run that waited for its end.
async fn move_to_history(tx: &SystemTx<'_>, job: QueuedJob, state: JobState) -> Result<(), DataError> {
    QueuedJob::delete(tx, job.id).await?;
    let finished = job.clone().finished(state, tx.now()).insert(tx).await?;
    if job.holds_key {
        unique::free(tx, &[finished.id]).await?;
    }
    if let Some(then) = job.batch_id {
        batch::release(tx, &[then]).await?;
    }
    if let Some(key) = &job.order_key {
        ordered::release(tx, std::slice::from_ref(key), tx.now()).await?;
    }
    tx.signal(signals::jobs_changed(job.org_id));
    tx.signal(signals::waits_somewhere());
    Ok(())
}

/// Releases a job, which may run again from `run_at` on.
pub(crate) async fn release(
    tx: &SystemTx<'_>,
    job: &QueuedJob,
    state: JobState,
    run_at: Timestamp,
) -> Result<(), DataError> {
    tx.signal(signals::jobs_changed(job.org_id));
    if state == JobState::Available {
        tx.signal(signals::waits_in(&job.queue));
    }
    QueuedJob::update(job.id)
        .set(QueuedJob::state, state)
        .set(QueuedJob::run_at, run_at)
        .set(QueuedJob::attempt, job.attempt)
        .set(QueuedJob::strikes, job.strikes)
        .set(QueuedJob::waits, job.waits)
        .set(QueuedJob::turn_at, job.turn_at)
        .set(QueuedJob::message, job.message.clone())
        .set(QueuedJob::errors, job.errors.clone())
        .set(QueuedJob::worker, None)
        .set(QueuedJob::token, None)
        .set(QueuedJob::lease_until, None)
        .run(tx)
        .await
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
