//! The floor on SQLite: the rows of ours, written by few statements on the bare driver, under one lock.

use std::sync::Arc;

use futures_util::future::join_all;
use rusqlite::Connection;
use tenfold_data::{Clock, TraceContext, Uuid};
use tokio::sync::{Mutex, Notify};

use super::{Claimers, stop_claimers};
use crate::place::DatabaseUrls;
use crate::queue::{Gauge, JobQueue, QueueLoad};

/// Claimers, so that some jobs wait for their 10 ms while others are claimed.
const CLAIMERS: usize = 4;
/// Jobs that a claim takes at most.
const CLAIM: i64 = 500;

const ENQUEUE: &str = "INSERT INTO tenfold_jobs (id, org_id, lane, kind, state, priority, args, run_at, attempt, \
    max_attempts, crashes, strikes, waits, cancel_requested, percent, message, errors, trace, created_at) \
    VALUES (?1, ?2, ?2, 'bench.measured', 'available', 0, ?3, ?4, 0, 10, 0, 0, 0, false, 0, '', '[]', ?5, ?4)";
const CLAIMED: &str = "UPDATE tenfold_jobs SET state = 'running', attempt = attempt + 1, worker = ?1, token = ?2, \
    lease_until = ?3 + 5000000 \
    WHERE id IN (SELECT id FROM tenfold_jobs WHERE queue = 'default' AND state = 'available' \
        AND strikes < 2 ORDER BY lane, priority, run_at, id LIMIT ?4) \
    RETURNING id, args";
const KEEP: &str = "INSERT INTO tenfold_job_history (id, org_id, kind, state, priority, args, attempt, max_attempts, \
        crashes, percent, message, errors, trace, created_at, finished_at) \
    SELECT id, org_id, kind, 'completed', priority, args, attempt, max_attempts, crashes, 100, message, errors, trace, \
        created_at, ?2 FROM tenfold_jobs WHERE id IN rarray(?1)";
const DELETE: &str = "DELETE FROM tenfold_jobs WHERE id IN rarray(?1) AND token = ?2";
const LEFT: &str = "SELECT EXISTS (SELECT 1 FROM tenfold_jobs WHERE token IS NOT NULL)";
const CLEAR: &str = "DELETE FROM tenfold_jobs WHERE kind = 'bench.measured'";

/// Few statements in one transaction.
pub struct SqliteFloor {
    connection: Arc<Mutex<Connection>>,
    clock: Clock,
    woken: Arc<Notify>,
}

impl SqliteFloor {
    /// Opens the database.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(place: &DatabaseUrls) -> anyhow::Result<Self> {
        let connection = Arc::new(Mutex::new(place.sqlite()?));
        Ok(SqliteFloor { connection, clock: Clock::system(), woken: Arc::default() })
    }
}

/// Work in a transaction.
fn commit<T>(connection: &Connection, work: impl FnOnce() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let result = work()?;
    connection.execute_batch("COMMIT")?;
    Ok(result)
}

/// Claims, runs and ends one batch; says how many there were.
async fn claim_and_end(
    connection: &Mutex<Connection>,
    clock: &Clock,
    worker: Uuid,
    gauge: &Gauge,
) -> anyhow::Result<usize> {
    let token = clock.new_id();
    let claimed: Vec<(Vec<u8>, String)> = {
        let connection = connection.lock().await;
        let now = clock.now().as_microsecond();
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        commit(&connection, || {
            let mut claim = connection.prepare_cached(CLAIMED)?;
            claim.query_map((worker.as_bytes(), token.as_bytes(), now, CLAIM), row)?.collect()
        })?
    };
    if claimed.is_empty() {
        return Ok(0);
    }
    let who = |args: &str| serde_json::from_str::<serde_json::Value>(args).map(|args| args["who"].as_u64());
    let who: Vec<_> = claimed.iter().map(|(_, args)| who(args)).collect::<Result<_, _>>()?;
    join_all(who.into_iter().flatten().map(|who| gauge.run(who as usize))).await;
    let connection = connection.lock().await;
    let ids = claimed.into_iter().map(|(id, _)| rusqlite::types::Value::Blob(id));
    let ids = std::rc::Rc::new(ids.collect::<Vec<_>>());
    let now = clock.now().as_microsecond();
    let ended = commit(&connection, || {
        connection.prepare_cached(KEEP)?.execute((&ids, now))?;
        connection.prepare_cached(DELETE)?.execute((&ids, token.as_bytes()))
    })?;
    anyhow::ensure!(ended == ids.len(), "{ended} of {} ended", ids.len());
    Ok(ended)
}

impl JobQueue for SqliteFloor {
    type Worker = Claimers;

    async fn enqueue(&self, _: QueueLoad, who: usize, count: usize) -> anyhow::Result<()> {
        let organization = Uuid::from_u128(1 + who as u128);
        let args = serde_json::json!({ "who": who }).to_string();
        let trace = TraceContext::start_random().header();
        let connection = self.connection.lock().await;
        let now = self.clock.now().as_microsecond();
        commit(&connection, || {
            let mut enqueue = connection.prepare_cached(ENQUEUE)?;
            for _ in 0..count {
                let id = self.clock.new_id();
                enqueue.execute((id.as_bytes(), organization.as_bytes(), &args, now, &trace))?;
            }
            Ok(())
        })?;
        self.woken.notify_one();
        Ok(())
    }

    async fn start(&self, _: QueueLoad, gauge: Arc<Gauge>) -> anyhow::Result<Self::Worker> {
        let claimer = |_| {
            let (connection, clock) = (Arc::clone(&self.connection), self.clock.clone());
            let (woken, gauge, worker) = (Arc::clone(&self.woken), Arc::clone(&gauge), self.clock.new_id());
            tokio::spawn(async move {
                loop {
                    if claim_and_end(&connection, &clock, worker, &gauge).await? == 0 {
                        woken.notified().await;
                    }
                }
            })
        };
        Ok((0..CLAIMERS).map(claimer).collect())
    }

    async fn is_done(&self, _: QueueLoad) -> anyhow::Result<bool> {
        let connection = self.connection.lock().await;
        Ok(!connection.prepare_cached(LEFT)?.query_row((), |row| row.get::<_, bool>(0))?)
    }

    async fn stop(&self, worker: Self::Worker) -> anyhow::Result<()> {
        stop_claimers(worker).await
    }

    async fn clear(&self, _: QueueLoad) -> anyhow::Result<()> {
        let connection = self.connection.lock().await;
        connection.execute(CLEAR, ())?;
        connection.execute_batch("ANALYZE")?;
        Ok(())
    }
}
