//! What an operator does with queues: see how full they are, pause one, resume it.

use std::collections::BTreeSet;

use tenfold_data::{DataError, SystemContext, Timestamp, sql};

use crate::observer::COUNTED;
use crate::runner::Jobs;
use crate::signals;

/// A queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueStatus {
    /// Its name.
    pub name: String,
    /// How many of its jobs run at once in a process. None if no module declares the queue: its jobs do not run.
    pub concurrency: Option<usize>,
    /// Whether its jobs wait until it is resumed.
    pub paused: bool,
    /// How many jobs wait for a worker, up to [`COUNTED`].
    pub waiting: u64,
    /// How many jobs run, up to [`COUNTED`].
    pub running: u64,
    /// Since when the first of the waiting jobs of its first organization is due.
    pub oldest: Option<Timestamp>,
}

/// There is no such queue.
#[derive(Clone, Debug, thiserror::Error)]
#[error("no module declares a queue {name:?}; there are {known}")]
pub struct UnknownQueue {
    /// The name that was asked for.
    pub name: String,
    /// The queues that there are.
    pub known: String,
}

impl Jobs {
    /// The queues that this application declares, and others in which jobs wait.
    ///
    /// # Errors
    /// A statement failed.
    pub async fn queues(&self) -> Result<Vec<QueueStatus>, DataError> {
        let look = async |cx: SystemContext| {
            let cx = cx.repeating("each queue is counted by itself");
            let mut all = Vec::new();
            for (name, concurrency) in self.queues_here() {
                all.push(status(&cx, name, Some(concurrency)).await?);
            }
            for name in self.undeclared(&cx).await? {
                all.push(status(&cx, &name, None).await?);
            }
            Ok(all)
        };
        self.0.database.run(None, look).await
    }

    /// The queues in which jobs wait and that no module declares: one that was renamed, for example.
    ///
    /// # Errors
    /// The statement failed.
    pub(crate) async fn undeclared_queues(&self) -> Result<Vec<String>, DataError> {
        self.0.database.run(None, async |cx| self.undeclared(&cx).await).await
    }

    async fn undeclared(&self, cx: &SystemContext) -> Result<Vec<String>, DataError> {
        // It skips from queue to queue through the indexes of the jobs that wait, and of the suspects among them.
        let found: Vec<(String,)> = sql!(
            "tenfold_jobs.queues",
            "WITH RECURSIVE queues (name) AS (
                 SELECT (SELECT queue FROM tenfold_jobs WHERE state = 'available' AND strikes < 2
                         ORDER BY queue LIMIT 1)
                 UNION ALL
                 SELECT (SELECT queue FROM tenfold_jobs WHERE state = 'available' AND strikes < 2
                         AND queue > queues.name ORDER BY queue LIMIT 1)
                 FROM queues WHERE queues.name IS NOT NULL),
             suspects (name) AS (
                 SELECT (SELECT queue FROM tenfold_jobs WHERE state = 'available' AND strikes >= 2
                         ORDER BY queue LIMIT 1)
                 UNION ALL
                 SELECT (SELECT queue FROM tenfold_jobs WHERE state = 'available' AND strikes >= 2
                         AND queue > suspects.name ORDER BY queue LIMIT 1)
                 FROM suspects WHERE suspects.name IS NOT NULL)
             SELECT name FROM queues WHERE name IS NOT NULL
             UNION ALL SELECT name FROM suspects WHERE name IS NOT NULL LIMIT 200"
        )
        .bounded()
        .all(cx)
        .await?;
        let declared = self.queues_here();
        let found: BTreeSet<String> = found.into_iter().map(|(name,)| name).collect();
        Ok(found.into_iter().filter(|name| declared.iter().all(|(known, _)| known != name)).collect())
    }

    /// Lets the jobs of a queue wait, in all processes. Those that run go on.
    ///
    /// # Errors
    /// [`UnknownQueue`]; the statement failed.
    pub async fn pause(&self, queue: &str) -> anyhow::Result<()> {
        self.set_paused(queue, true).await
    }

    /// Lets the jobs of a paused queue run again.
    ///
    /// # Errors
    /// As [`Jobs::pause`].
    pub async fn resume(&self, queue: &str) -> anyhow::Result<()> {
        self.set_paused(queue, false).await
    }

    async fn set_paused(&self, queue: &str, paused: bool) -> anyhow::Result<()> {
        let known: Vec<_> = self.queues_here().into_iter().map(|(name, _)| name).collect();
        if !known.contains(&queue) {
            return Err(UnknownQueue { name: queue.to_owned(), known: known.join(", ") }.into());
        }
        let set = async |cx: SystemContext| {
            cx.transaction(async |tx| {
                tx.signal(signals::waits_in(queue));
                sql!(
                    "tenfold_job_queues.pause",
                    "INSERT INTO tenfold_job_queues (name, paused, changed_at) VALUES ($1, $2, $3)
                     ON CONFLICT (name) DO UPDATE SET paused = excluded.paused, changed_at = $4
                     WHERE tenfold_job_queues.paused <> excluded.paused"
                )
                .bind(queue.to_owned())
                .bind(paused)
                // A queue without a row is not paused: to resume it changes nothing.
                .bind(paused.then(|| tx.now()))
                .bind(tx.now())
                .execute(tx)
                .await
            })
            .await
        };
        self.0.database.run(None, set).await?;
        Ok(())
    }
}

async fn status(
    cx: &SystemContext,
    name: &str,
    concurrency: Option<usize>,
) -> Result<QueueStatus, DataError> {
    let paused: Option<(bool,)> =
        sql!("tenfold_job_queues.is_paused", "SELECT paused FROM tenfold_job_queues WHERE name = $1")
            .bind(name.to_owned())
            .bounded()
            .first(cx)
            .await?;
    let counted: Option<(i64, i64)> = sql!(
        "tenfold_job_queues.count",
        "SELECT (SELECT count(*) FROM (SELECT id FROM tenfold_jobs WHERE queue = $1 AND state = 'available'
                     AND strikes < 2 LIMIT 10000) AS waiting)
                + (SELECT count(*) FROM (SELECT id FROM tenfold_jobs WHERE queue = $1 AND state = 'available'
                     AND strikes >= 2 LIMIT 10000) AS suspects),
                (SELECT count(*) FROM (SELECT id FROM tenfold_jobs WHERE queue = $1 AND token IS NOT NULL
                     LIMIT 10000) AS running)"
    )
    .bind(name.to_owned())
    .bounded()
    .first(cx)
    .await?;
    let oldest: Option<(Timestamp,)> = sql!(
        "tenfold_job_queues.oldest",
        "SELECT run_at FROM tenfold_jobs WHERE queue = $1 AND state = 'available' AND strikes < 2
         ORDER BY lane, priority, run_at, id LIMIT 1"
    )
    .bind(name.to_owned())
    .bounded()
    .first(cx)
    .await?;
    let (waiting, running) = counted.unwrap_or_default();
    let capped = |count: i64| u64::try_from(count).unwrap_or(0).min(COUNTED);
    Ok(QueueStatus {
        name: name.to_owned(),
        concurrency,
        paused: paused.is_some_and(|(paused,)| paused),
        waiting: capped(waiting),
        running: capped(running),
        oldest: oldest.map(|(at,)| at),
    })
}
