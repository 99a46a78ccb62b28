//! What is due: jobs that wait for their time.
//!
//! That is judged by the clock of the database, since those of several machines differ: with a process's own, a retry of a
//! fast one would be late everywhere else.

use tenfold_data::{DataError, SystemContext, Timestamp, sql};

use crate::signals;

/// The time by which everything is due. A clock that a test moves stands for the database's.
pub(crate) async fn now(cx: &SystemContext) -> Result<Timestamp, DataError> {
    if cx.scope().clock().is_manual() {
        return Ok(cx.now());
    }
    let now: Option<(Timestamp,)> = sql!(
        "tenfold_jobs.now",
        sqlite: "SELECT CAST(unixepoch('subsec') * 1000000 AS INTEGER)",
        postgres: "SELECT clock_timestamp()"
    )
    .bounded()
    .first(&cx.repeating("the time"))
    .await?;
    Ok(now.map_or_else(|| cx.now(), |(now,)| now))
}

/// How many jobs of each of the two states become available at a time.
const STAGED: i64 = 500;

/// Makes the jobs available whose time has come by `now`: scheduled ones, and those to be retried. Returns when the next one
/// is due.
pub(crate) async fn stage(cx: &SystemContext, now: Timestamp) -> Result<Option<Timestamp>, DataError> {
    let cx = cx.repeating("a batch at a time");
    loop {
        let next = next_due(&cx).await?;
        if next.is_none_or(|next| next > now) {
            return Ok(next);
        }
        cx.transaction(async |tx| {
            tx.signal(signals::waits_somewhere());
            // The outer condition holds if another worker was faster: a job that runs by now stays untouched.
            sql!(
                "tenfold_jobs.stage",
                "UPDATE tenfold_jobs SET state = 'available'
                 WHERE state IN ('retryable', 'scheduled') AND id IN (
                     SELECT id FROM (SELECT id FROM tenfold_jobs WHERE state = 'retryable'
                         AND state IN ('retryable', 'scheduled') AND run_at <= $1 ORDER BY run_at LIMIT $2) AS retryable
                     UNION ALL
                     SELECT id FROM (SELECT id FROM tenfold_jobs WHERE state = 'scheduled'
                         AND state IN ('retryable', 'scheduled') AND run_at <= $1 ORDER BY run_at LIMIT $2) AS scheduled)"
            )
            .bind(now)
            .bind(STAGED)
            .execute(tx)
            .await
        })
        .await?;
    }
}

async fn next_due(cx: &SystemContext) -> Result<Option<Timestamp>, DataError> {
    // SQLite uses the partial index only where the text repeats its condition.
    let next: Vec<(Timestamp,)> = sql!(
        "tenfold_jobs.next_due",
        "SELECT run_at FROM (SELECT run_at FROM tenfold_jobs WHERE state = 'retryable'
             AND state IN ('retryable', 'scheduled') ORDER BY run_at LIMIT 1) AS retryable
         UNION ALL
         SELECT run_at FROM (SELECT run_at FROM tenfold_jobs WHERE state = 'scheduled'
             AND state IN ('retryable', 'scheduled') ORDER BY run_at LIMIT 1) AS scheduled"
    )
    .bounded()
    .all(cx)
    .await?;
    Ok(next.into_iter().map(|(at,)| at).min())
}
