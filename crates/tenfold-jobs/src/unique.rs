//! Keys that at most one job has, while it is unfinished or for a time.

use tenfold_data::{DataError, OrgId, SystemTx, Timestamp, Write, sql};

use crate::options::UniqueKey;
use crate::rows::JobId;

/// The key as it is stored: keys of other kinds and organizations are other keys.
pub(crate) fn stored_key(kind: &str, org_id: Option<OrgId>, key: &str) -> String {
    match org_id {
        Some(org_id) => format!("{kind}|{org_id}|{key}"),
        None => format!("{kind}||{key}"),
    }
}

/// Why these statements may repeat.
const EACH_JOB: &str = "each job has a key of its own";

/// Takes a key for the job `id`, and returns the job that has it: this one, or one that was enqueued before. A key that another
/// job has is not locked: the end of that job would wait for this transaction, and others with it.
pub(crate) async fn take<W: Write<tenfold_data::Global> + Sync>(
    tx: &W,
    key: String,
    unique: &UniqueKey,
    id: JobId,
    now: Timestamp,
) -> Result<JobId, DataError> {
    let until = unique.window.map(|window| now + window);
    // An enqueue that meets another one's open transaction waits for its end. The next round is for a key that was
    // freed between two statements.
    for _ in 0..8 {
        if insert(tx, &key, until, id).await? {
            return Ok(id);
        }
        match holder(tx, &key).await? {
            Some((holder, until)) if until.is_none_or(|until| until > now) => return Ok(holder),
            Some(_) if take_over(tx, &key, until, id, now).await? => return Ok(id),
            _ => {}
        }
    }
    Err(DataError::Overloaded { what: "a unique key of jobs" })
}

/// Takes a key that no job has. Returns whether it did.
async fn insert<W: Write<tenfold_data::Global> + Sync>(
    tx: &W,
    key: &str,
    until: Option<Timestamp>,
    id: JobId,
) -> Result<bool, DataError> {
    let taken = sql!(
        "tenfold_job_keys.take",
        "INSERT INTO tenfold_job_keys (key, job_id, taken_until) VALUES ($1, $2, $3) ON CONFLICT (key) DO NOTHING"
    )
    .bind(key.to_owned())
    .bind(id)
    .bind(until)
    .unowned()
    .repeated(EACH_JOB)
    .execute(tx)
    .await?;
    Ok(taken > 0)
}

/// The job that has a key, and until when if that does not depend on the job's end.
async fn holder<W: Write<tenfold_data::Global> + Sync>(
    tx: &W,
    key: &str,
) -> Result<Option<(JobId, Option<Timestamp>)>, DataError> {
    sql!("tenfold_job_keys.holder", "SELECT job_id, taken_until FROM tenfold_job_keys WHERE key = $1")
        .bind(key.to_owned())
        .bounded()
        .unowned()
        .repeated(EACH_JOB)
        .first(tx)
        .await
}

/// Takes a key whose time is over. Returns whether it did.
async fn take_over<W: Write<tenfold_data::Global> + Sync>(
    tx: &W,
    key: &str,
    until: Option<Timestamp>,
    id: JobId,
    now: Timestamp,
) -> Result<bool, DataError> {
    let taken = sql!(
        "tenfold_job_keys.take_over",
        "UPDATE tenfold_job_keys SET job_id = $2, taken_until = $3 WHERE key = $1 AND taken_until <= $4"
    )
    .bind(key.to_owned())
    .bind(id)
    .bind(until)
    .bind(now)
    .unowned()
    .repeated(EACH_JOB)
    .execute(tx)
    .await?;
    Ok(taken > 0)
}

/// Frees the keys that jobs held while they were unfinished.
pub(crate) async fn free(tx: &SystemTx<'_>, jobs: &[JobId]) -> Result<(), DataError> {
    sql!(
        "tenfold_job_keys.free",
        sqlite: "DELETE FROM tenfold_job_keys WHERE taken_until IS NULL
                 AND job_id IN (SELECT value FROM rarray($1))",
        postgres: "DELETE FROM tenfold_job_keys WHERE taken_until IS NULL AND job_id = ANY ($1)"
    )
    .bind_list(jobs)
    .execute(tx)
    .await?;
    Ok(())
}
