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

/// Takes a key for the job `id`, and returns the job that has it: this one, or one that was enqueued before.
pub(crate) async fn take<W: Write<tenfold_data::Global> + Sync>(
    tx: &W,
    key: String,
    unique: &UniqueKey,
    id: JobId,
    now: Timestamp,
) -> Result<JobId, DataError> {
    // An enqueue that meets another one's open transaction waits for its end. The second round is for a key that was
    // freed between the two statements.
    for _ in 0..8 {
        let taken: Option<(JobId,)> = sql!(
            "tenfold_job_keys.take",
            "INSERT INTO tenfold_job_keys (key, job_id, taken_until) VALUES ($1, $2, $3)
             ON CONFLICT (key) DO UPDATE SET job_id = excluded.job_id, taken_until = excluded.taken_until
             WHERE tenfold_job_keys.taken_until <= $4
             RETURNING job_id"
        )
        .bind(key.clone())
        .bind(id)
        .bind(unique.window.map(|window| now + window))
        .bind(now)
        .unowned()
        .repeated("each job has a key of its own")
        .first(tx)
        .await?;
        if taken.is_some() {
            return Ok(id);
        }
        let holder: Option<(JobId,)> =
            sql!("tenfold_job_keys.holder", "SELECT job_id FROM tenfold_job_keys WHERE key = $1")
                .bind(key.clone())
                .bounded()
                .unowned()
                .repeated("each job has a key of its own")
                .first(tx)
                .await?;
        if let Some((holder,)) = holder {
            return Ok(holder);
        }
    }
    Err(DataError::Overloaded { what: "a unique key of jobs" })
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
