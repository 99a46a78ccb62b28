//! Batches: a job that runs when all jobs of its batch have ended.

use tenfold_data::{DataError, SystemContext, SystemTx, sql};

use crate::rows::JobId;
use crate::signals;

/// Lets the last jobs of these batches run, if nothing of their batches is left. Two transactions that end the last two
/// jobs of a batch at once may not see each other: then [`release_all`] does it.
pub(crate) async fn release(tx: &SystemTx<'_>, batches: &[JobId]) -> Result<(), DataError> {
    sql!(
        "tenfold_jobs.release_batches",
        sqlite: "UPDATE tenfold_jobs SET state = 'available', run_at = $2
                 WHERE id IN (SELECT value FROM rarray($1)) AND state = 'waiting'
                 AND NOT EXISTS (SELECT 1 FROM tenfold_jobs AS part WHERE part.batch_id = tenfold_jobs.id)",
        postgres: "UPDATE tenfold_jobs SET state = 'available', run_at = $2
                 WHERE id = ANY ($1) AND state = 'waiting'
                 AND NOT EXISTS (SELECT 1 FROM tenfold_jobs AS part WHERE part.batch_id = tenfold_jobs.id)"
    )
    .bind_list(batches)
    .bind(tx.now())
    .execute(tx)
    .await?;
    Ok(())
}

/// Lets the last job of each finished batch run. Returns how many there were.
pub(crate) async fn release_all(cx: &SystemContext) -> Result<usize, DataError> {
    let done: Vec<(JobId,)> = sql!(
        "tenfold_jobs.find_done_batches",
        "SELECT id FROM tenfold_jobs WHERE state = 'waiting' AND order_key IS NULL
         AND NOT EXISTS (SELECT 1 FROM tenfold_jobs AS part WHERE part.batch_id = tenfold_jobs.id) LIMIT 100"
    )
    .bounded()
    .all(cx)
    .await?;
    if done.is_empty() {
        return Ok(0);
    }
    let done: Vec<JobId> = done.into_iter().map(|(id,)| id).collect();
    cx.transaction(async |tx| {
        tx.signal(signals::waits_somewhere());
        release(tx, &done).await
    })
    .await?;
    Ok(done.len())
}
