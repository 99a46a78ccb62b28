//! Jobs that run one after the other, in the order in which their transactions were committed: deliveries of events with
//! the same key.
//!
//! Each key has a row that counts. Taking a number locks the row until the transaction ends, so the numbers have the order
//! of the commits. A transaction that lets the next job run locks the row, too: so it sees every job that was committed with
//! a number, and none is left waiting. A job that is done ends although a publisher holds its key; then the next one is let
//! run afterwards.

use tenfold_data::{DataError, EntityExt as _, Global, SystemContext, SystemTx, Timestamp, Write, sql};

use crate::rows::{FAR, JobId, JobState, QueuedJob};
use crate::signals;

/// Why these statements may repeat.
const EACH_KEY: &str = "each listener has keys of its own";

/// Stores a job behind the others of its key. It waits for them, or may run at once if there are none.
pub(crate) async fn insert<W: Write<Global>>(tx: &W, row: QueuedJob) -> Result<(), DataError> {
    let Some(key) = row.order_key.clone() else { return row.insert_deferred(tx).await };
    let now = row.created_at;
    let order_number = next_number(tx, &key, now).await?;
    QueuedJob { state: JobState::Waiting, run_at: FAR, order_number, ..row }.insert_deferred(tx).await?;
    release(tx, &[key], now).await
}

async fn next_number<W: Write<Global>>(tx: &W, key: &str, now: Timestamp) -> Result<i64, DataError> {
    let number: Option<(i64,)> = sql!(
        "tenfold_job_orders.take",
        "INSERT INTO tenfold_job_orders (key, last_number, used_at) VALUES ($1, 1, $2)
         ON CONFLICT (key) DO UPDATE SET last_number = tenfold_job_orders.last_number + 1, used_at = excluded.used_at
         RETURNING last_number"
    )
    .bind(key.to_owned())
    .bind(now)
    .unowned()
    .repeated(EACH_KEY)
    .first(tx)
    .await?;
    Ok(number.map_or(0, |(number,)| number))
}

/// Waits until no transaction is about to store a job of this key, and keeps others from it. The key comes before its jobs: a
/// publisher locks them in this order, too.
pub(crate) async fn lock(tx: &SystemTx<'_>, key: &str) -> Result<(), DataError> {
    sql!("tenfold_job_orders.lock", "UPDATE tenfold_job_orders SET used_at = $2 WHERE key = $1")
        .bind(key.to_owned())
        .bind(tx.now())
        .repeated(EACH_KEY)
        .execute(tx)
        .await?;
    Ok(())
}

/// As [`lock`], for the key of a job, if it has one.
pub(crate) async fn lock_of(tx: &SystemTx<'_>, job: JobId) -> Result<(), DataError> {
    sql!(
        "tenfold_job_orders.lock_of",
        "UPDATE tenfold_job_orders SET used_at = $2 WHERE key = (SELECT order_key FROM tenfold_jobs WHERE id = $1)"
    )
    .bind(job)
    .bind(tx.now())
    .execute(tx)
    .await?;
    Ok(())
}

/// Locks those of these keys that no other transaction holds, and returns them. It waits for none, so their order does not matter.
pub(crate) async fn lock_free(tx: &SystemTx<'_>, keys: &[String]) -> Result<Vec<String>, DataError> {
    // SQLite has one writer.
    let locked: Vec<(String,)> = sql!(
        "tenfold_job_orders.lock_free",
        sqlite: "SELECT key FROM tenfold_job_orders WHERE key IN (SELECT value FROM rarray($1))",
        postgres: "SELECT key FROM tenfold_job_orders WHERE key = ANY ($1) FOR UPDATE SKIP LOCKED"
    )
    .bind_list(keys)
    .bounded()
    .all(tx)
    .await?;
    Ok(locked.into_iter().map(|(key,)| key).collect())
}

/// Lets the first job of each of these keys run, if it waits. The transaction has locked them.
pub(crate) async fn release<W: Write<Global>>(
    tx: &W,
    keys: &[String],
    now: Timestamp,
) -> Result<(), DataError> {
    // The array keeps PostgreSQL's planner from joining with the whole table.
    sql!(
        "tenfold_jobs.release_next",
        sqlite: "UPDATE tenfold_jobs SET state = 'available', run_at = $2 WHERE state = 'waiting' AND id IN (
                 SELECT (SELECT id FROM tenfold_jobs WHERE order_key = keys.value ORDER BY order_number, id LIMIT 1)
                 FROM rarray($1) AS keys)",
        postgres: "UPDATE tenfold_jobs SET state = 'available', run_at = $2 WHERE state = 'waiting' AND id = ANY (ARRAY (
                 SELECT (SELECT id FROM tenfold_jobs WHERE order_key = keys.key ORDER BY order_number, id LIMIT 1)
                 FROM unnest(CAST($1 AS text[])) AS keys (key)))"
    )
    .bind_list(keys)
    .bind(now)
    .unowned()
    .repeated(EACH_KEY)
    .execute(tx)
    .await?;
    Ok(())
}

/// Lets the next jobs of these keys run, except of those that other transactions hold. Returns the latter.
pub(crate) async fn release_free(cx: &SystemContext, keys: Vec<String>) -> Result<Vec<String>, DataError> {
    cx.transaction(async |tx| {
        let locked = lock_free(tx, &keys).await?;
        if !locked.is_empty() {
            tx.signal(signals::waits_somewhere());
            release(tx, &locked, tx.now()).await?;
        }
        Ok(keys.into_iter().filter(|key| !locked.contains(key)).collect())
    })
    .await
}

/// How many keys one look examines.
const LOOK: i64 = 100;

/// Lets the first jobs of keys run that wait although nothing is before them: a worker of an older version has ended the one
/// before, or a person has deleted it. Examines some keys behind `after`, and returns the last one, or an empty text at the end.
pub(crate) async fn release_stuck(cx: &SystemContext, after: &str) -> Result<String, DataError> {
    // It skips from key to key through the index.
    let keys: Vec<(String, JobState)> = sql!(
        "tenfold_jobs.firsts",
        "WITH RECURSIVE keys (key, place) AS (
             SELECT (SELECT order_key FROM tenfold_jobs WHERE order_key > $1 ORDER BY order_key LIMIT 1), CAST(1 AS bigint)
             UNION ALL
             SELECT (SELECT order_key FROM tenfold_jobs WHERE order_key > keys.key ORDER BY order_key LIMIT 1), place + 1
             FROM keys WHERE keys.key IS NOT NULL AND place < $2)
         SELECT key, (SELECT state FROM tenfold_jobs WHERE order_key = keys.key ORDER BY order_number, id LIMIT 1)
         FROM keys WHERE key IS NOT NULL LIMIT $2"
    )
    .bind(after.to_owned())
    .bind(LOOK)
    .bounded()
    .all(cx)
    .await?;
    let each = cx.repeating(EACH_KEY);
    for (key, _) in keys.iter().filter(|(_, first)| *first == JobState::Waiting) {
        let healed = each.transaction(async |tx| {
            tx.signal(signals::waits_somewhere());
            lock(tx, key).await?;
            release(tx, std::slice::from_ref(key), tx.now()).await
        });
        // It must not hold up the other keys.
        if let Err(error) = healed.await {
            tracing::warn!(%error, key, "the next job of a key could not be released; trying again");
        }
    }
    let is_full = i64::try_from(keys.len()).is_ok_and(|count| count == LOOK);
    Ok(keys.into_iter().next_back().filter(|_| is_full).map_or_else(String::new, |(key, _)| key))
}
