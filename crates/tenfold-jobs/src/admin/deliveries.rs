//! What an operator does with deliveries of events: see which are parked, replay them.

use tenfold_data::{DataError, EntityExt as _, SystemContext, sql};

use crate::rows::{FinishedJob, JobId, JobState};
use crate::runner::Jobs;

/// The job to be replayed is no delivery that was given up.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error(
    "job {0} is no parked delivery of an event: only one that was discarded or cancelled can be replayed"
)]
pub struct NotParked(pub JobId);

impl Jobs {
    /// The deliveries that this application declares: the name of an event, and the kind of its delivery.
    pub fn deliveries(&self) -> Vec<(&'static str, &'static str)> {
        self.0.listeners.all()
    }

    /// The deliveries that were given up, the newest first.
    ///
    /// # Errors
    /// A statement failed.
    pub async fn parked(&self, limit: usize) -> Result<Vec<FinishedJob>, DataError> {
        let kinds: Vec<String> = self.deliveries().into_iter().map(|(_, kind)| kind.to_owned()).collect();
        self.0.database.run(None, async |cx| find(&cx, &kinds, limit).await).await
    }

    /// Delivers a parked event again, once more if it fails again. Steps that are done are not repeated.
    ///
    /// # Errors
    /// [`NotParked`]; a statement failed.
    pub async fn replay(&self, id: JobId) -> anyhow::Result<()> {
        let parked = self.0.database.run(None, async |cx| FinishedJob::find(&cx, id).await).await?;
        let is_delivery = |job: &FinishedJob| self.deliveries().iter().any(|(_, kind)| *kind == job.kind);
        if !parked.is_some_and(|job| job.state != JobState::Completed && is_delivery(&job)) {
            return Err(NotParked(id).into());
        }
        self.retry(id).await
    }

    /// Delivers all parked events of one listener again. Returns how many.
    ///
    /// # Errors
    /// A statement failed.
    pub async fn replay_all(&self, kind: &str) -> anyhow::Result<usize> {
        let kinds = [kind.to_owned()];
        let mut replayed = 0;
        loop {
            let parked = self.0.database.run(None, async |cx| find(&cx, &kinds, 500).await).await?;
            if parked.is_empty() {
                return Ok(replayed);
            }
            for job in parked {
                self.replay(job.id).await?;
                replayed += 1;
            }
        }
    }
}

async fn find(cx: &SystemContext, kinds: &[String], limit: usize) -> Result<Vec<FinishedJob>, DataError> {
    let cx = cx.repeating("the two states in which a delivery is parked");
    let mut parked = Vec::new();
    for state in [JobState::Discarded, JobState::Cancelled] {
        let ids: Vec<(JobId,)> = sql!(
            "tenfold_job_history.parked",
            sqlite: "SELECT id FROM tenfold_job_history WHERE state = $1
                     AND kind IN (SELECT value FROM rarray($2)) ORDER BY finished_at DESC, id DESC LIMIT $3",
            postgres: "SELECT id FROM tenfold_job_history WHERE state = $1
                     AND kind = ANY ($2) ORDER BY finished_at DESC, id DESC LIMIT $3"
        )
        .bind(state)
        .bind_list(kinds)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .all(&cx)
        .await?;
        let jobs = FinishedJob::find_many(&cx, ids.into_iter().map(|(id,)| id).collect()).await?;
        parked.extend(jobs.into_iter().flatten().map(|job| (*job).clone()));
    }
    parked.sort_by_key(|job| std::cmp::Reverse((job.finished_at, job.id)));
    parked.truncate(limit);
    Ok(parked)
}
