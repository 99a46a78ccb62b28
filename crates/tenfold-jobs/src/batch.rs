//! Batches: a job that runs when all jobs of its batch have ended.

use tenfold_data::{DataError, SystemContext, SystemTx, Uuid, sql};

use crate::rows::{JobId, row_count};
use crate::signals;

/// Lets the last jobs of these batches run, if nothing of their batches is left. Two transactions that end the last two
/// jobs of a batch at once may not see each other: then [`release_some`] does it.
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

/// How many batches one look examines.
const LOOK: usize = 1000;

/// Lets the last jobs of finished batches run that still wait. Examines some batches behind `after`, and returns the last one, or None at
/// the end.
pub(crate) async fn release_some(
    cx: &SystemContext,
    after: Option<JobId>,
) -> Result<Option<JobId>, DataError> {
    let open: Vec<(JobId, bool)> = sql!(
        "tenfold_jobs.open_batches",
        "SELECT id, NOT EXISTS (SELECT 1 FROM tenfold_jobs AS part WHERE part.batch_id = batches.id)
         FROM (SELECT id FROM tenfold_jobs WHERE state = 'waiting' AND order_key IS NULL AND id > $1
               ORDER BY id LIMIT $2) AS batches ORDER BY id"
    )
    .bind(after.unwrap_or(JobId(Uuid::nil())))
    .bind(row_count(LOOK))
    .bounded()
    .all(cx)
    .await?;
    let done: Vec<JobId> = open.iter().filter(|(_, is_done)| *is_done).map(|(id, _)| *id).collect();
    if !done.is_empty() {
        cx.transaction(async |tx| {
            tx.signal(signals::waits_somewhere());
            release(tx, &done).await
        })
        .await?;
    }
    Ok(open.last().filter(|_| open.len() == LOOK).map(|(id, _)| *id))
}
