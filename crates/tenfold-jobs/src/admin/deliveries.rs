//! What an operator does with deliveries of events: see which are parked, replay them.

use tenfold_data::{DataError, EntityExt as _, SystemContext, sql};

use super::NotNow;
use crate::rows::{FinishedJob, JobId, JobState, row_count};
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
        let find = async |cx: SystemContext| {
            let cx = cx.repeating("the two states in which a delivery is parked");
            let mut parked = ids(&cx, JobState::Discarded, &kinds, limit).await?;
            parked.extend(ids(&cx, JobState::Cancelled, &kinds, limit).await?);
            let parked = FinishedJob::find_many(&cx, parked).await?;
            let mut parked: Vec<_> = parked.into_iter().flatten().map(|job| (*job).clone()).collect();
            parked.sort_by_key(|job| std::cmp::Reverse((job.finished_at, job.id)));
            parked.truncate(limit);
            Ok(parked)
        };
        self.0.database.run(None, find).await
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

    /// Delivers the events of one listener again that are discarded now, up to 10,000, the newest first. Those that an
    /// operator cancelled stay so. Returns how many.
    ///
    /// # Errors
    /// A statement failed.
    pub async fn replay_all(&self, kind: &str) -> anyhow::Result<usize> {
        let kinds = [kind.to_owned()];
        // All at first: one that fails again at once is not found again.
        let find = async |cx: SystemContext| ids(&cx, JobState::Discarded, &kinds, 10_000).await;
        let mut replayed = 0;
        for id in self.0.database.run(None, find).await? {
            match self.replay(id).await {
                Ok(()) => replayed += 1,
                // Somebody else has replayed it meanwhile.
                Err(error) if error.is::<NotParked>() || error.is::<NotNow>() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(replayed)
    }
}

/// The deliveries of these kinds that ended in a state, the newest first.
async fn ids(
    cx: &SystemContext,
    state: JobState,
    kinds: &[String],
    limit: usize,
) -> Result<Vec<JobId>, DataError> {
    let ids: Vec<(JobId,)> = sql!(
        "tenfold_job_history.parked",
        sqlite: "SELECT id FROM tenfold_job_history WHERE state = $1
                 AND kind IN (SELECT value FROM rarray($2)) ORDER BY finished_at DESC, id DESC LIMIT $3",
        postgres: "SELECT id FROM tenfold_job_history WHERE state = $1
                 AND kind = ANY ($2) ORDER BY finished_at DESC, id DESC LIMIT $3"
    )
    .bind(state)
    .bind_list(kinds)
    .bind(row_count(limit))
    .all(cx)
    .await?;
    Ok(ids.into_iter().map(|(id,)| id).collect())
}
