//! Frees the jobs of lost workers.
//!
//! A worker extends its leases again and again, so what the database says of them changes. A lease that has stood still for
//! its length has lost its worker. Each process measures that by its own steady clock, and compares no times of two
//! machines: a worker whose clock is wrong neither loses the jobs that it runs, nor keeps them once it is gone.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tenfold_data::{DataError, EntityExt as _, SystemContext, SystemTx, Timestamp, Uuid, sql};

use crate::registry::Registry;
use crate::rows::{AttemptError, JobId, QueuedJob, row_count, with_error};
use crate::settings::JobSettings;
use crate::{due, ending, ordered};

/// What a process has seen of the leases.
#[derive(Default)]
pub(crate) struct SeenLeases(Mutex<LastLook>);

#[derive(Default)]
struct LastLook {
    /// When it was.
    at: Duration,
    /// Since when each lease has stood still.
    since: HashMap<SeenLease, Duration>,
}

/// A lease as the database has it: an extended one is another one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct SeenLease {
    job: JobId,
    token: Uuid,
    until: Timestamp,
}

impl SeenLeases {
    /// Notes which leases there are `now`; returns those that have stood still for their length. After a pause of more than
    /// `most` it begins anew: while the database was away nobody could extend a lease.
    fn look(
        &self,
        leases: impl Iterator<Item = SeenLease>,
        now: Duration,
        length: Duration,
        most: Duration,
    ) -> Vec<SeenLease> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_sub(last.at) > most {
            last.since.clear();
        }
        last.at = now;
        last.since = leases.map(|lease| (lease, last.since.get(&lease).copied().unwrap_or(now))).collect();
        let still = |since: Duration| now.saturating_sub(since) >= length;
        last.since.iter().filter(|(_, since)| still(**since)).map(|(lease, _)| *lease).collect()
    }

    /// Whether there were any at the last look.
    pub(crate) fn any(&self) -> bool {
        !self.0.lock().unwrap_or_else(PoisonError::into_inner).since.is_empty()
    }
}

/// Frees the jobs whose workers are lost. A job with `poison_after` strikes is considered the cause and discarded.
/// Returns the number of jobs found.
pub(crate) async fn rescue(
    cx: &SystemContext,
    registry: &Registry,
    seen: &SeenLeases,
    settings: &JobSettings,
) -> Result<usize, DataError> {
    let leases = all_leases(cx).await?;
    let clock = cx.scope().clock();
    // A test moves its clock by more than a lease at once.
    let most = if clock.is_manual() { Duration::MAX } else { settings.lease / 2 };
    let lost = seen.look(leases.into_iter(), clock.steady(), settings.lease, most);
    if lost.is_empty() {
        return Ok(0);
    }
    let now = due::now(cx).await?;
    let each = cx.repeating("each lost job is judged in a transaction of its own");
    let mut rescued = 0;
    for lease in lost {
        let rescue = async |tx: &mut SystemTx<'_>| rescue_one(tx, registry, lease, settings, now).await;
        match each.transaction(rescue).await {
            Ok(is_rescued) => rescued += usize::from(is_rescued),
            // It must not hold up the others.
            Err(error) => {
                tracing::warn!(%error, job = %lease.job, "a lost job could not be freed; trying again");
            }
        }
    }
    Ok(rescued)
}

/// How many leases one statement reads.
const PAGE: usize = 1000;

/// The leases of all workers: as many as jobs run in the whole cluster.
async fn all_leases(cx: &SystemContext) -> Result<Vec<SeenLease>, DataError> {
    let cx = cx.repeating("a page at a time");
    let mut all: Vec<SeenLease> = Vec::new();
    loop {
        let (until, job) =
            all.last().map_or((Timestamp::UNIX_EPOCH, JobId(Uuid::nil())), |last| (last.until, last.job));
        // A lease that is extended meanwhile moves back, and may be read twice.
        let page: Vec<(JobId, Uuid, Timestamp)> = sql!(
            "tenfold_jobs.leases",
            "SELECT id, token, lease_until FROM tenfold_jobs WHERE token IS NOT NULL AND (lease_until, id) > ($1, $2)
             ORDER BY lease_until, id LIMIT $3"
        )
        .bind(until)
        .bind(job)
        .bind(row_count(PAGE))
        .bounded()
        .all(&cx)
        .await?;
        let is_last = page.len() < PAGE;
        all.extend(page.into_iter().map(|(job, token, until)| SeenLease { job, token, until }));
        if is_last {
            return Ok(all);
        }
    }
}

async fn rescue_one(
    tx: &SystemTx<'_>,
    registry: &Registry,
    lease: SeenLease,
    settings: &JobSettings,
    now: Timestamp,
) -> Result<bool, DataError> {
    ordered::lock_of(tx, lease.job).await?;
    // Locks the row and checks again: the worker may have come back meanwhile, or another rescuer may have been
    // faster.
    let lost = sql!(
        "tenfold_jobs.rescue",
        "UPDATE tenfold_jobs SET crashes = crashes + 1, strikes = strikes + 1
         WHERE id = $1 AND token = $2 AND lease_until = $3"
    )
    .bind(lease.job)
    .bind(lease.token)
    .bind(lease.until)
    .execute(tx)
    .await?;
    if lost == 0 {
        return Ok(false);
    }
    let mut job = (*QueuedJob::get(tx, lease.job).await?).clone();
    let error = format!("its worker was lost at {}% ({})", job.percent, job.message);
    job.errors = with_error(&job.errors, AttemptError { attempt: job.attempt, at: tx.now(), error });
    let is_poison = job.strikes >= i64::from(settings.poison_after);
    let retry_at = pause_after_loss(job.strikes).map(|pause| now + pause);
    ending::settle(tx, registry, job, is_poison, retry_at).await?;
    Ok(true)
}

/// The pause after a lost worker: none at first, then 4 s, 16 s, 64 s … up to an hour. External causes of lost workers
/// come in bursts, and one burst must not condemn a job.
fn pause_after_loss(strikes: i64) -> Option<Duration> {
    let exponent = u32::try_from(strikes - 1).unwrap_or(0).min(6);
    (exponent > 0).then(|| Duration::from_secs(4_u64.pow(exponent).min(3600)))
}

#[cfg(test)]
mod tests {
    use tenfold_data::Uuid;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn lease(number: u128) -> SeenLease {
        let id = Uuid::from_u128(number);
        SeenLease { job: JobId(id), token: id, until: Timestamp::UNIX_EPOCH }
    }

    #[test]
    fn a_lease_is_lost_once_it_has_stood_still_for_its_length() {
        let seen = SeenLeases::default();
        let look =
            |at: u32, number| seen.look([lease(number)].into_iter(), SECOND * at, SECOND * 5, SECOND * 3);
        assert!([look(100, 1), look(102, 1), look(104, 1)].iter().all(Vec::is_empty));
        assert_eq!(look(106, 1).len(), 1);
        assert!(look(108, 2).is_empty(), "an extended lease is another one");
    }

    #[test]
    fn after_a_pause_nothing_is_lost_at_once() {
        let seen = SeenLeases::default();
        let look = |at: u32| seen.look([lease(1)].into_iter(), SECOND * at, SECOND * 5, SECOND * 3);
        assert!(look(100).is_empty());
        assert!(
            [look(160), look(162), look(164)].iter().all(Vec::is_empty),
            "nobody could extend it meanwhile"
        );
        assert_eq!(look(166).len(), 1);
    }
}
