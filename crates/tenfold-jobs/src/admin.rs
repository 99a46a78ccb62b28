//! What an operator does with jobs: list them, show one, retry one, cancel one; with queues, schedules and deliveries.

mod changes;
mod deliveries;
mod forget;
mod queues;
mod schedules;

use std::time::Duration;

use tenfold_data::{DataError, EntityExt as _, SystemContext, SystemTx, Timestamp, sql};

pub use self::changes::JobsChange;
pub use self::deliveries::NotParked;
pub use self::forget::forget_organization;
pub use self::queues::{QueueStatus, UnknownQueue};
pub use self::schedules::{ScheduleStatus, UnknownSchedule};
use crate::ending;
use crate::observer::COUNTED;
use crate::registry::Registry;
use crate::rows::{FinishedJob, JobId, JobState, QueuedJob, StepRow, row_count};
use crate::runner::Jobs;
use crate::{ordered, signals, store};

impl Jobs {
    /// Lets a job run now: one that waits, or one that was given up or cancelled, which gets one more attempt.
    ///
    /// # Errors
    /// [`DataError::NotFound`] when there is no such job; [`NotNow`] for one that runs or is done.
    pub async fn retry(&self, id: JobId) -> anyhow::Result<()> {
        self.0.database.run(None, async |cx| retry(&cx, id).await).await
    }

    /// Requests a job's cancellation: at once if it is not running, else at its worker's next heartbeat.
    ///
    /// # Errors
    /// [`DataError::NotFound`] when it does not exist or is already finished.
    pub async fn cancel(&self, id: JobId) -> anyhow::Result<()> {
        self.0.database.run(None, async |cx| cancel(&cx, &self.0.registry, id).await).await
    }

    /// Reports to the observer how many jobs there are.
    pub(crate) async fn count(&self) -> Result<(), DataError> {
        let counts = self.0.database.run(None, async |cx| count_queued(&cx).await).await?;
        self.0.observer.queued(&counts);
        Ok(())
    }

    /// Reports to the observer how long jobs have waited that are due, for each queue and kind. A worker calls it every ten seconds.
    ///
    /// # Errors
    /// The database fails.
    pub async fn report_waits(&self) -> Result<(), DataError> {
        for (queue, _) in self.queues_here() {
            let work =
                async |cx: SystemContext| Ok::<_, DataError>((oldest_due(&cx, queue).await?, cx.now()));
            let (oldest, now) = self.0.database.run(None, work).await?;
            for (kind, run_at) in oldest {
                let waited = Duration::try_from(now.duration_since(run_at)).unwrap_or_default();
                self.0.observer.waits(&kind, queue, waited);
            }
        }
        Ok(())
    }
}

/// Of each kind, since when the job that has waited longest is due, among the first thousand of a queue. None while the queue is paused: then
/// it is known why they wait.
async fn oldest_due(cx: &SystemContext, queue: &str) -> Result<Vec<(String, Timestamp)>, DataError> {
    let oldest = sql!(
        "tenfold_jobs.oldest_due",
        "SELECT kind, min(run_at) FROM (
            SELECT kind, run_at FROM tenfold_jobs WHERE queue = $1 AND state = 'available' AND strikes < 2
            LIMIT 1000) AS due
         WHERE NOT EXISTS (SELECT 1 FROM tenfold_job_queues WHERE name = $1 AND paused)
         GROUP BY kind"
    );
    oldest.bind(queue.to_owned()).bounded().all(cx).await
}

/// How many jobs are in each state that is not final, up to [`COUNTED`]; empty states are left out.
///
/// # Errors
/// The statement failed.
pub async fn count_queued(cx: &SystemContext) -> Result<Vec<(JobState, u64)>, DataError> {
    let mut counts = Vec::new();
    // The states are literals in the text, not parameters, so that the partial index can be used.
    let later = sql!(
        "tenfold_jobs.count_later",
        "SELECT state, count(*) FROM (
            SELECT state FROM tenfold_jobs WHERE state IN ('retryable', 'scheduled') LIMIT 10000) AS counted
         GROUP BY state"
    );
    let counted: Vec<(JobState, i64)> = later.bounded().all(cx).await?;
    counts.extend(counted);
    let running = sql!(
        "tenfold_jobs.count_running",
        "SELECT count(*) FROM (SELECT id FROM tenfold_jobs WHERE token IS NOT NULL LIMIT 10000) AS counted"
    );
    let running: Vec<(i64,)> = running.bounded().all(cx).await?;
    counts.extend(running.into_iter().map(|(count,)| (JobState::Running, count)));
    // Suspects, which are few, have an index of their own and are left out.
    let waiting = sql!(
        "tenfold_jobs.count_waiting",
        "SELECT count(*) FROM (SELECT id FROM tenfold_jobs WHERE state = 'available' AND strikes < 2
            LIMIT 10000) AS counted"
    );
    let waiting: Vec<(i64,)> = waiting.bounded().all(cx).await?;
    counts.extend(waiting.into_iter().map(|(count,)| (JobState::Available, count)));
    let counts = counts.into_iter().filter(|(_, count)| *count > 0);
    Ok(counts.map(|(state, count)| (state, u64::try_from(count).unwrap_or(0).min(COUNTED))).collect())
}

/// The oldest jobs in a state that is not final.
///
/// # Errors
/// A statement failed.
pub async fn queued(cx: &SystemContext, state: JobState, limit: usize) -> Result<Vec<QueuedJob>, DataError> {
    // One text for each state: the indexes are partial, and a parameter would not match their conditions. SQLite
    // uses such an index only where the text repeats its condition.
    let ids = match state {
        JobState::Running => sql!(
            "tenfold_jobs.list_running",
            "SELECT id FROM tenfold_jobs WHERE token IS NOT NULL ORDER BY lease_until LIMIT $1"
        ),
        JobState::Retryable => sql!(
            "tenfold_jobs.list_retryable",
            "SELECT id FROM tenfold_jobs WHERE state = 'retryable' AND state IN ('retryable', 'scheduled')
             ORDER BY run_at, id LIMIT $1"
        ),
        JobState::Waiting => sql!(
            "tenfold_jobs.list_waiting",
            "SELECT id FROM (SELECT id FROM (SELECT id FROM tenfold_jobs WHERE state = 'waiting' AND order_key IS NULL
                 ORDER BY id LIMIT $1) AS of_batches
             UNION ALL
             SELECT id FROM (SELECT id FROM tenfold_jobs WHERE state = 'waiting' AND order_key IS NOT NULL
                 ORDER BY order_key, order_number, id LIMIT $1) AS ordered) AS waiting LIMIT $1"
        ),
        JobState::Scheduled => sql!(
            "tenfold_jobs.list_scheduled",
            "SELECT id FROM tenfold_jobs WHERE state = 'scheduled' AND state IN ('retryable', 'scheduled')
             ORDER BY run_at, id LIMIT $1"
        ),
        _ => sql!(
            "tenfold_jobs.list_available",
            "SELECT id FROM tenfold_jobs WHERE state = 'available' AND strikes < 2
             ORDER BY queue, lane, priority, run_at, id LIMIT $1"
        ),
    };
    let ids: Vec<(JobId,)> = ids.bind(row_count(limit)).bounded().all(cx).await?;
    let jobs = QueuedJob::find_many(cx, ids.into_iter().map(|(id,)| id).collect()).await?;
    Ok(jobs.into_iter().flatten().map(|job| (*job).clone()).collect())
}

/// The jobs in a final state that ended last, the newest first.
///
/// # Errors
/// A statement failed.
pub async fn finished(
    cx: &SystemContext,
    state: JobState,
    limit: usize,
) -> Result<Vec<FinishedJob>, DataError> {
    let ids = sql!(
        "tenfold_job_history.list",
        "SELECT id FROM tenfold_job_history WHERE state = $1 ORDER BY finished_at DESC, id DESC LIMIT $2"
    );
    let limit = row_count(limit);
    let ids: Vec<(JobId,)> = ids.bind(state).bind(limit).bounded().all(cx).await?;
    let jobs = FinishedJob::find_many(cx, ids.into_iter().map(|(id,)| id).collect()).await?;
    Ok(jobs.into_iter().flatten().map(|job| (*job).clone()).collect())
}

/// A job, finished or not.
#[derive(Clone, Debug)]
pub enum AnyJob {
    /// Not finished.
    Queued(QueuedJob),
    /// Finished.
    Finished(FinishedJob),
}

/// The job with this id.
///
/// # Errors
/// A statement failed.
pub async fn find(cx: &SystemContext, id: JobId) -> Result<Option<AnyJob>, DataError> {
    if let Some(job) = QueuedJob::find(cx, id).await? {
        return Ok(Some(AnyJob::Queued((*job).clone())));
    }
    Ok(FinishedJob::find(cx, id).await?.map(|job| AnyJob::Finished((*job).clone())))
}

/// A step that is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepResult {
    /// Its name.
    pub name: String,
    /// What it gave.
    pub result: serde_json::Value,
}

/// The steps of a job that are done, in their order. Those of a completed job are gone.
///
/// # Errors
/// The statement failed.
pub async fn steps(cx: &SystemContext, id: JobId) -> Result<Vec<StepResult>, DataError> {
    let rows = StepRow::query().filter(StepRow::job_id.eq(id)).all(cx).await?;
    let mut rows: Vec<_> = rows.iter().collect();
    // Ids have the order of time.
    rows.sort_by_key(|row| row.id);
    Ok(rows
        .into_iter()
        .map(|row| StepResult { name: row.name.clone(), result: row.result.clone() })
        .collect())
}

/// Lets a job run now: one that waits for its time or its next attempt, or one that was given up or cancelled. The
/// latter gets one more attempt and continues after its last finished step.
///
/// # Errors
/// [`DataError::NotFound`] when there is no such job; [`NotNow`] for one that runs or is done.
pub(crate) async fn retry(cx: &SystemContext, id: JobId) -> anyhow::Result<()> {
    cx.transaction(async |tx| {
        if let Some(job) = store::lock(tx, id).await? {
            anyhow::ensure!(job.token.is_none(), NotNow { id, state: JobState::Running });
            return Ok(ending::release(tx, &job, JobState::Available, tx.now()).await?);
        }
        let job = (*FinishedJob::get(&*tx, id).await?).clone();
        anyhow::ensure!(job.state != JobState::Completed, NotNow { id, state: job.state });
        FinishedJob::delete(&*tx, id).await?;
        let job = again(job, tx.now()).insert(&*tx).await?;
        tx.signal(signals::waits_in(&job.queue));
        tx.signal(signals::jobs_changed(job.org_id));
        Ok(())
    })
    .await
}

/// Cancels a job: at once if it is not running, else at its worker's next heartbeat.
///
/// # Errors
/// [`DataError::NotFound`] when it does not exist or is already finished.
pub(crate) async fn cancel(cx: &SystemContext, registry: &Registry, id: JobId) -> anyhow::Result<()> {
    cx.transaction(async |tx: &mut SystemTx<'_>| -> anyhow::Result<()> {
        ordered::lock_of(tx, id).await?;
        QueuedJob::update(id).set(QueuedJob::cancel_requested, true).run(tx).await?;
        let job = QueuedJob::get(&*tx, id).await?;
        if job.token.is_none() {
            ending::give_up(tx, registry, (*job).clone(), JobState::Cancelled).await?;
        }
        Ok(())
    })
    .await
}

/// The job to be retried is running, or is done.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("job {id} is {state:?}: only one that waits, was discarded or was cancelled can be tried again")]
pub struct NotNow {
    /// The job.
    pub id: JobId,
    /// Its current state.
    pub state: JobState,
}

/// Runs outside its order: the jobs that were behind it have gone on.
fn again(job: FinishedJob, now: Timestamp) -> QueuedJob {
    let again = QueuedJob {
        queue: job.queue,
        priority: job.priority,
        attempt: job.attempt,
        max_attempts: job.max_attempts.max(job.attempt - job.crashes + 1),
        steps: job.steps,
        version: job.version,
        tags: job.tags,
        batch_id: job.batch_id,
        crashes: job.crashes,
        percent: job.percent,
        message: job.message,
        errors: job.errors,
        trace: job.trace,
        created_at: job.created_at,
        ..QueuedJob::fresh(job.id, &job.kind, job.args, now)
    };
    again.of(job.org_id)
}
