//! Whose turn it is. Claims go round over the organizations that have jobs waiting in a queue: each organization is a
//! *lane*, and one with 100,000 jobs has as many turns as one with a single job.
//!
//! The lanes are found by skipping through an index, from the first job of one lane to the first of the next. So a claim
//! reads a few entries of the index, however many jobs and organizations wait, and there is no row that enqueues or
//! claims contend for. Within a lane the lower priority goes first, then the earlier time.

use std::time::Duration;

use futures_util::future::try_join_all;
use tenfold_data::{DataError, Dialect, EntityExt as _, SystemContext, SystemTx, Uuid, sql};

use crate::rows::{JobId, QueuedJob, row_count};

/// The worker that claims, and for how long.
#[derive(Clone, Copy)]
pub(crate) struct Holder {
    pub worker: Uuid,
    pub lease: Duration,
}

/// How many jobs of a lane a claim takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LaneTurn {
    pub lane: Uuid,
    pub jobs: usize,
}

/// The most lanes that one claim takes jobs from.
pub(crate) const LANES: usize = 64;

/// Shares `free` places among the lanes, in their order; `room` says how many more jobs of a lane may run.
pub(crate) fn share(lanes: Vec<Uuid>, free: usize, room: impl Fn(Uuid) -> usize) -> Vec<LaneTurn> {
    let mut turns: Vec<LaneTurn> = lanes
        .into_iter()
        .map(|lane| LaneTurn { lane, jobs: room(lane) })
        .filter(|turn| turn.jobs > 0)
        .collect();
    turns.truncate(free.min(LANES));
    let count = turns.len().max(1);
    for (place, turn) in turns.iter_mut().enumerate() {
        turn.jobs = turn.jobs.min(free / count + usize::from(place < free % count));
    }
    turns
}

/// Up to `limit` lanes with jobs that wait in a queue, beginning behind the lane `after` and going round. None while the
/// queue is paused. A read, so that an idle worker does not take SQLite's writer.
pub(crate) async fn lanes(
    cx: &SystemContext,
    queue: &str,
    after: Uuid,
    limit: usize,
) -> Result<Vec<Uuid>, DataError> {
    let lanes: Vec<(Uuid,)> = sql!(
        "tenfold_jobs.lanes",
        "WITH RECURSIVE behind (lane, place) AS (
             SELECT (SELECT lane FROM tenfold_jobs WHERE queue = $1 AND state = 'available' AND strikes < 2
                     AND lane > $2 ORDER BY lane LIMIT 1), CAST(1 AS bigint)
             UNION ALL
             SELECT (SELECT lane FROM tenfold_jobs WHERE queue = $1 AND state = 'available' AND strikes < 2
                     AND lane > behind.lane ORDER BY lane LIMIT 1), place + 1
             FROM behind WHERE behind.lane IS NOT NULL AND place < $3),
         around (lane, place) AS (
             SELECT (SELECT lane FROM tenfold_jobs WHERE queue = $1 AND state = 'available' AND strikes < 2
                     AND lane <= $2 ORDER BY lane LIMIT 1), CAST(1 AS bigint)
             UNION ALL
             SELECT (SELECT lane FROM tenfold_jobs WHERE queue = $1 AND state = 'available' AND strikes < 2
                     AND lane > around.lane AND lane <= $2 ORDER BY lane LIMIT 1), place + 1
             FROM around WHERE around.lane IS NOT NULL AND place < $3)
         SELECT lane FROM (
             SELECT lane FROM behind WHERE lane IS NOT NULL
             UNION ALL
             SELECT lane FROM around WHERE lane IS NOT NULL) AS lanes
         WHERE NOT EXISTS (SELECT 1 FROM tenfold_job_queues WHERE name = $1 AND paused)
         LIMIT $3"
    )
    .bind(queue.to_owned())
    .bind(after)
    .bind(row_count(limit))
    .bounded()
    .all(cx)
    .await?;
    Ok(lanes.into_iter().map(|(lane,)| lane).collect())
}

/// Claims jobs of a queue, as many of each lane as its turn says. Each gets a token of its own, which guards what the
/// worker writes about it.
pub(crate) async fn claim(
    cx: &SystemContext,
    holder: Holder,
    queue: &str,
    turns: &[LaneTurn],
) -> Result<Vec<QueuedJob>, DataError> {
    cx.transaction(async |tx| {
        let tx = tx.repeating("each organization has its turn");
        // PostgreSQL takes all turns in one statement. On SQLite a statement costs no round trip.
        let at_once =
            if cx.scope().database().dialect() == Dialect::Postgres { turns.len().max(1) } else { 1 };
        let claimed =
            try_join_all(turns.chunks(at_once).map(|turns| take(&tx, holder, queue, turns))).await?;
        read(&tx, claimed.into_iter().flatten().collect()).await
    })
    .await
}

/// Claims the jobs of these turns. On SQLite there is one turn.
async fn take(
    tx: &SystemTx<'_>,
    holder: Holder,
    queue: &str,
    turns: &[LaneTurn],
) -> Result<Vec<JobId>, DataError> {
    let lanes: Vec<Uuid> = turns.iter().map(|turn| turn.lane).collect();
    let jobs: Vec<i64> = turns.iter().map(|turn| row_count(turn.jobs)).collect();
    // SQLite has one writer. On PostgreSQL workers claim concurrently and must skip rows that are being claimed; the
    // array keeps the planner from joining with the whole table.
    let claimed: Vec<(JobId,)> = sql!(
        "tenfold_jobs.claim",
        sqlite: "UPDATE tenfold_jobs
                 SET state = 'running', attempt = attempt + 1, worker = $1, token = randomblob(16), lease_until = $2
                 WHERE id IN (SELECT id FROM tenfold_jobs
                              WHERE queue = $3 AND lane = (SELECT value FROM rarray($4))
                                  AND state = 'available' AND strikes < 2
                              ORDER BY priority, run_at, id LIMIT (SELECT value FROM rarray($5)))
                 RETURNING id",
        postgres: "UPDATE tenfold_jobs
                 SET state = 'running', attempt = attempt + 1, worker = $1, token = gen_random_uuid(), lease_until = $2
                 WHERE id = ANY (ARRAY (SELECT due.id FROM unnest($4::uuid[], $5::bigint[]) AS turn (lane, jobs)
                     CROSS JOIN LATERAL (
                         SELECT id FROM tenfold_jobs
                         WHERE queue = $3 AND lane = turn.lane AND state = 'available' AND strikes < 2
                         ORDER BY priority, run_at, id LIMIT turn.jobs FOR UPDATE SKIP LOCKED) AS due))
                 RETURNING id"
    )
    .bind(holder.worker)
    .bind(tx.now() + holder.lease)
    .bind(queue.to_owned())
    .bind_list(&lanes)
    .bind_list(&jobs)
    .all(tx)
    .await?;
    Ok(claimed.into_iter().map(|(id,)| id).collect())
}

/// Claims one suspect of a queue, if one waits. A process runs one at a time.
pub(crate) async fn claim_suspect(
    cx: &SystemContext,
    holder: Holder,
    queue: &str,
) -> Result<Option<QueuedJob>, DataError> {
    let suspect: Option<(JobId,)> = sql!(
        "tenfold_jobs.find_suspect",
        "SELECT id FROM tenfold_jobs WHERE queue = $1 AND state = 'available' AND strikes >= 2
         AND NOT EXISTS (SELECT 1 FROM tenfold_job_queues WHERE name = $1 AND paused)
         ORDER BY priority, run_at, id LIMIT 1"
    )
    .bind(queue.to_owned())
    .bounded()
    .first(cx)
    .await?;
    let Some((id,)) = suspect else { return Ok(None) };
    cx.transaction(async |tx| {
        // Locks the row and checks again: another process may have been faster.
        let claimed: Vec<(JobId,)> = sql!(
            "tenfold_jobs.claim_suspect",
            sqlite: "UPDATE tenfold_jobs
                     SET state = 'running', attempt = attempt + 1, worker = $1, token = randomblob(16), lease_until = $2
                     WHERE id = $3 AND state = 'available' RETURNING id",
            postgres: "UPDATE tenfold_jobs
                     SET state = 'running', attempt = attempt + 1, worker = $1, token = gen_random_uuid(), lease_until = $2
                     WHERE id = $3 AND state = 'available' RETURNING id"
        )
        .bind(holder.worker)
        .bind(tx.now() + holder.lease)
        .bind(id)
        .all(&*tx)
        .await?;
        Ok(read(tx, claimed.into_iter().map(|(id,)| id).collect()).await?.pop())
    })
    .await
}

async fn read(tx: &SystemTx<'_>, ids: Vec<JobId>) -> Result<Vec<QueuedJob>, DataError> {
    let mut jobs: Vec<QueuedJob> =
        QueuedJob::find_many(tx, ids).await?.into_iter().flatten().map(|job| (*job).clone()).collect();
    jobs.sort_by_key(|job| (job.priority, job.run_at, job.id));
    Ok(jobs)
}
