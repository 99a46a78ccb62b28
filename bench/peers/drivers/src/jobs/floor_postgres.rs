//! The floor on PostgreSQL: the rows of ours, written by batched statements on the bare driver.

use std::sync::Arc;

use deadpool_postgres::Pool;
use futures_util::future::join_all;
use tenfold_data::{Clock, TraceContext, Uuid};
use tokio::sync::Notify;

use super::{Claimers, stop_claimers};
use crate::place::DatabaseUrls;
use crate::queue::{ENQUEUERS, Gauge, JobQueue, QueueLoad};

/// Claimers. Each claims, runs and ends a batch, one after the other.
const CLAIMERS: usize = 4;
/// Jobs that a claim takes at most.
const CLAIM: i64 = 500;

const ENQUEUE: &str = "INSERT INTO tenfold_jobs (id, org_id, lane, kind, state, priority, args, run_at, attempt, \
    max_attempts, crashes, strikes, waits, cancel_requested, percent, message, errors, trace, created_at) \
    SELECT id, $2, $2, 'bench.measured', 'available', 0, $3, now(), 0, 10, 0, 0, 0, false, 0, '', '[]', $4, now() \
    FROM unnest($1::uuid[]) AS id";
const CLAIMED: &str = "UPDATE tenfold_jobs SET state = 'running', attempt = attempt + 1, worker = $1, token = $2, \
    lease_until = now() + interval '5 s' \
    WHERE id IN (SELECT id FROM tenfold_jobs WHERE queue = 'default' AND state = 'available' \
        AND strikes < 2 ORDER BY lane, priority, run_at, id LIMIT $3 FOR UPDATE SKIP LOCKED) \
    RETURNING id, args";
const COMPLETE: &str = "WITH done AS (DELETE FROM tenfold_jobs WHERE id = ANY($1) AND token = $2 RETURNING *) \
    INSERT INTO tenfold_job_history (id, org_id, kind, state, priority, args, attempt, max_attempts, crashes, percent, \
        message, errors, trace, created_at, finished_at) \
    SELECT id, org_id, kind, 'completed', priority, args, attempt, max_attempts, crashes, 100, message, errors, trace, \
        created_at, now() FROM done";
const LEFT: &str = "SELECT EXISTS (SELECT 1 FROM tenfold_jobs WHERE token IS NOT NULL)";
const CLEAR: &str = "DELETE FROM tenfold_jobs WHERE kind = 'bench.measured'";

/// Batched SQL.
pub struct PostgresFloor {
    pool: Pool,
    clock: Clock,
    woken: Arc<Notify>,
}

impl PostgresFloor {
    /// Opens the database.
    ///
    /// # Errors
    /// When the address cannot be read.
    pub fn open(place: &DatabaseUrls) -> anyhow::Result<Self> {
        let pool = place.pool(ENQUEUERS + CLAIMERS)?;
        Ok(PostgresFloor { pool, clock: Clock::system(), woken: Arc::default() })
    }
}

/// Claims, runs and ends one batch; says how many there were.
async fn claim_and_end(pool: &Pool, clock: &Clock, worker: Uuid, gauge: &Gauge) -> anyhow::Result<usize> {
    let client = pool.get().await?;
    let token = clock.new_id();
    let claim = client.prepare_cached(CLAIMED).await?;
    let rows = client.query(&claim, &[&worker, &token, &CLAIM]).await?;
    if rows.is_empty() {
        return Ok(0);
    }
    let ids: Vec<Uuid> = rows.iter().map(|row| row.get(0)).collect();
    let who = rows
        .iter()
        .map(|row| row.get::<_, serde_json::Value>(1)["who"].as_u64().unwrap_or_default() as usize);
    join_all(who.map(|who| gauge.run(who))).await;
    let complete = client.prepare_cached(COMPLETE).await?;
    let ended = client.execute(&complete, &[&ids, &token]).await?;
    anyhow::ensure!(ended == ids.len() as u64, "{ended} of {} ended", ids.len());
    Ok(ids.len())
}

impl JobQueue for PostgresFloor {
    type Worker = Claimers;

    async fn enqueue(&self, _: QueueLoad, who: usize, count: usize) -> anyhow::Result<()> {
        let ids: Vec<Uuid> = (0..count).map(|_| self.clock.new_id()).collect();
        let organization = Uuid::from_u128(1 + who as u128);
        let trace = TraceContext::start_random().header();
        let client = self.pool.get().await?;
        let enqueue = client.prepare_cached(ENQUEUE).await?;
        client.execute(&enqueue, &[&ids, &organization, &serde_json::json!({ "who": who }), &trace]).await?;
        self.woken.notify_one();
        Ok(())
    }

    async fn start(&self, _: QueueLoad, gauge: Arc<Gauge>) -> anyhow::Result<Self::Worker> {
        let claimer = |_| {
            let (pool, clock, woken) = (self.pool.clone(), self.clock.clone(), Arc::clone(&self.woken));
            let (gauge, worker) = (Arc::clone(&gauge), self.clock.new_id());
            tokio::spawn(async move {
                loop {
                    if claim_and_end(&pool, &clock, worker, &gauge).await? == 0 {
                        woken.notified().await;
                    }
                }
            })
        };
        Ok((0..CLAIMERS).map(claimer).collect())
    }

    async fn is_done(&self, _: QueueLoad) -> anyhow::Result<bool> {
        let client = self.pool.get().await?;
        let left = client.prepare_cached(LEFT).await?;
        Ok(!client.query_one(&left, &[]).await?.get::<_, bool>(0))
    }

    async fn stop(&self, worker: Self::Worker) -> anyhow::Result<()> {
        stop_claimers(worker).await
    }

    async fn clear(&self, _: QueueLoad) -> anyhow::Result<()> {
        let client = self.pool.get().await?;
        // More rows than a statement's usual time allows.
        client.batch_execute("SET statement_timeout = 0").await?;
        client.execute(CLEAR, &[]).await?;
        client.batch_execute("VACUUM ANALYZE tenfold_jobs").await?;
        Ok(())
    }
}
