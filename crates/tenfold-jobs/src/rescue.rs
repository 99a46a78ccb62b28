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
use crate::rows::{AttemptError, JobId, QueuedJob, with_error};
use crate::settings::JobSettings;
use crate::{due, ending, ordered};

/// The leases that a process has seen, and since when each has stood still.
#[derive(Default)]
pub(crate) struct SeenLeases(Mutex<HashMap<SeenLease, Duration>>);

/// A lease as the database has it: an extended one is another one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct SeenLease {
    job: JobId,
    token: Uuid,
    until: Timestamp,
}

impl SeenLeases {
    /// Notes which leases there are `now`; returns those that have stood still for their length.
    fn look(
        &self,
        leases: impl Iterator<Item = SeenLease>,
        now: Duration,
        length: Duration,
    ) -> Vec<SeenLease> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *seen = leases.map(|lease| (lease, seen.get(&lease).copied().unwrap_or(now))).collect();
        let still = |since: Duration| now.saturating_sub(since) >= length;
        seen.iter().filter(|(_, since)| still(**since)).map(|(lease, _)| *lease).collect()
    }

    /// Whether there were any at the last look.
    pub(crate) fn any(&self) -> bool {
        !self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
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
    // As many as run in the whole cluster.
    let leases: Vec<(JobId, Uuid, Timestamp)> = sql!(
        "tenfold_jobs.leases",
        "SELECT id, token, lease_until FROM tenfold_jobs WHERE token IS NOT NULL ORDER BY lease_until LIMIT 10000"
    )
    .bounded()
    .all(cx)
    .await?;
    let leases = leases.into_iter().map(|(job, token, until)| SeenLease { job, token, until });
    let lost = seen.look(leases, cx.scope().clock().steady(), settings.lease);
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
