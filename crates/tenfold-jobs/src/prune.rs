//! Deletes finished jobs that are old or too many, and what nothing refers to any more.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tenfold_data::{DataError, SystemContext, SystemTx, Timestamp, sql};

use crate::context::JobContext;
use crate::job::Job;
use crate::registry::Registry;
use crate::rows::row_count;
use crate::settings::JobSettings;

/// How many rows one transaction deletes: it holds SQLite's write lock.
const BATCH: i64 = 500;

/// How long counters and rates are kept that nothing uses.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Deletes finished jobs.
#[derive(Serialize, Deserialize)]
struct Prune {
    keep_for: Duration,
    keep_at_most: u64,
}

/// Registers the job and its schedule.
pub(crate) fn register(registry: &mut Registry, settings: &JobSettings) {
    let (keep_for, keep_at_most) = (settings.keep_for, settings.keep_at_most);
    registry.register::<Prune>();
    registry.every("tenfold.prune", "41 4 * * *", move || Prune { keep_for, keep_at_most });
}

impl Job for Prune {
    const KIND: &'static str = "tenfold.prune";
    const PRIORITY: i64 = 100;

    async fn run(self, job: JobContext) -> anyhow::Result<()> {
        let cx = job.system().repeating("a batch at a time");
        let before = cx.now() - self.keep_for;
        let before = before.max(newest_to_delete(&cx, self.keep_at_most).await?.unwrap_or(before));
        let mut deleted = 0;
        loop {
            let batch = finished(&cx, before).await?;
            deleted += batch;
            if batch < BATCH.unsigned_abs() {
                break;
            }
        }
        unused(&cx).await?;
        lost_keys(&cx).await?;
        if deleted > 0 {
            tracing::info!(deleted, "finished jobs were deleted from the history");
        }
        Ok(())
    }
}

/// When the newest job ended that is too many.
async fn newest_to_delete(cx: &SystemContext, keep_at_most: u64) -> Result<Option<Timestamp>, DataError> {
    let ended: Option<(Timestamp,)> = sql!(
        "tenfold_job_history.nth",
        "SELECT finished_at FROM tenfold_job_history ORDER BY finished_at DESC, id DESC LIMIT 1 OFFSET $1"
    )
    .bind(i64::try_from(keep_at_most).unwrap_or(i64::MAX))
    .first(cx)
    .await?;
    Ok(ended.map(|(at,)| at))
}

async fn finished(cx: &SystemContext, before: Timestamp) -> Result<u64, DataError> {
    cx.transaction(async |tx| {
        sql!(
            "tenfold_job_results.prune",
            "DELETE FROM tenfold_job_results WHERE job_id IN (
                 SELECT id FROM tenfold_job_history WHERE finished_at <= $1 ORDER BY finished_at, id LIMIT $2)"
        )
        .bind(before)
        .bind(BATCH)
        .execute(tx)
        .await?;
        sql!(
            "tenfold_job_history.prune",
            "DELETE FROM tenfold_job_history WHERE id IN (
                 SELECT id FROM tenfold_job_history WHERE finished_at <= $1 ORDER BY finished_at, id LIMIT $2)"
        )
        .bind(before)
        .bind(BATCH)
        .execute(tx)
        .await
    })
    .await
}

/// Keys whose windows are over, and counters that nothing has used for a day.
async fn unused(cx: &SystemContext) -> Result<(), DataError> {
    cx.transaction(async |tx| {
        let now = tx.now();
        let before = now - DAY;
        sql!("tenfold_job_keys.prune", "DELETE FROM tenfold_job_keys WHERE taken_until <= $1")
            .bind(now)
            .execute(tx)
            .await?;
        sql!("tenfold_job_rates.prune", "DELETE FROM tenfold_job_rates WHERE next_at <= $1")
            .bind(before.as_microsecond())
            .execute(tx)
            .await?;
        let unused: Vec<(String,)> = sql!(
            "tenfold_job_orders.unused",
            "SELECT key FROM tenfold_job_orders WHERE used_at <= $1 ORDER BY used_at LIMIT 500"
        )
        .bind(before)
        .bounded()
        .all(&*tx)
        .await?;
        let unused: Vec<String> = unused.into_iter().map(|(key,)| key).collect();
        // A counter stays while a job of its key is unfinished: the next number must be higher.
        sql!(
            "tenfold_job_orders.prune",
            sqlite: "DELETE FROM tenfold_job_orders WHERE key IN (SELECT value FROM rarray($1)) AND used_at <= $2
                     AND 0 = (SELECT count(*) FROM tenfold_jobs WHERE order_key = tenfold_job_orders.key)",
            postgres: "DELETE FROM tenfold_job_orders WHERE key = ANY ($1) AND used_at <= $2
                     AND 0 = (SELECT count(*) FROM tenfold_jobs WHERE order_key = tenfold_job_orders.key)"
        )
        .bind_list(&unused)
        .bind(before)
        .execute(tx)
        .await?;
        Ok(())
    })
    .await
}

/// How many unique keys one look reads.
const LOOK: usize = 1000;

/// Unique keys whose jobs are gone: a worker of an older version ended them, or a person deleted them. Hardly any is lost and all are
/// read, so this holds no lock meanwhile.
async fn lost_keys(cx: &SystemContext) -> Result<(), DataError> {
    let mut after = String::new();
    loop {
        let keys: Vec<(String, bool)> = sql!(
            "tenfold_job_keys.look",
            "SELECT key, taken_until IS NULL AND NOT EXISTS (SELECT 1 FROM tenfold_jobs WHERE id = keys.job_id)
             FROM (SELECT key, job_id, taken_until FROM tenfold_job_keys WHERE key > $1 ORDER BY key LIMIT $2) AS keys
             ORDER BY key"
        )
        .bind(after)
        .bind(row_count(LOOK))
        .bounded()
        .all(cx)
        .await?;
        let lost: Vec<String> =
            keys.iter().filter(|(_, is_lost)| *is_lost).map(|(key, _)| key.clone()).collect();
        if !lost.is_empty() {
            cx.transaction(async |tx| delete_lost(tx, &lost).await).await?;
        }
        match keys.into_iter().next_back() {
            Some((last, _)) => after = last,
            None => return Ok(()),
        }
    }
}

/// Deletes keys whose jobs are still gone.
async fn delete_lost(tx: &SystemTx<'_>, keys: &[String]) -> Result<u64, DataError> {
    sql!(
        "tenfold_job_keys.prune_lost",
        sqlite: "DELETE FROM tenfold_job_keys WHERE key IN (SELECT value FROM rarray($1)) AND taken_until IS NULL
                 AND NOT EXISTS (SELECT 1 FROM tenfold_jobs WHERE id = tenfold_job_keys.job_id)",
        postgres: "DELETE FROM tenfold_job_keys WHERE key = ANY ($1) AND taken_until IS NULL
                 AND NOT EXISTS (SELECT 1 FROM tenfold_jobs WHERE id = tenfold_job_keys.job_id)"
    )
    .bind_list(keys)
    .execute(tx)
    .await
}
