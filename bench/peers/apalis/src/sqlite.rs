//! apalis on SQLite with `synchronous = FULL`: woken by its update hook, fetching in batches.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use apalis::prelude::*;
use apalis_sqlite::callback::HookCallbackListener;
use apalis_sqlite::{Config, SqlitePool, SqliteStorage, queries::push_tasks};
use futures_util::StreamExt as _;
use tokio::sync::Mutex;

use crate::postgres::{ApalisWorker, run, tasks};
use crate::queue::{Gauge, JobQueue, QueueLoad};
use crate::{AT_ONCE, FETCH, QUEUE};

/// apalis.
pub struct ApalisSqlite {
    pool: SqlitePool,
    listener: HookCallbackListener,
    workers: AtomicUsize,
    /// One writer at a time: SQLite's own waiting for its lock sleeps.
    writer: Mutex<()>,
}

impl ApalisSqlite {
    /// Opens the database.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub async fn open(url: &str) -> anyhow::Result<Self> {
        let (pool, listener) = SqliteStorage::connect_with_callback(&format!("{url}?mode=rwc"))?;
        // The pool's connections keep SQLite's default for `synchronous`, which is FULL; `SqliteStorage::setup` would turn
        // it off.
        sqlx::query("PRAGMA journal_mode = WAL").execute(&pool).await?;
        let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&pool).await?;
        anyhow::ensure!(synchronous == 2, "a commit would not wait for the disk");
        Ok(ApalisSqlite { pool, listener, workers: AtomicUsize::new(0), writer: Mutex::new(()) })
    }

    /// Makes the tables, and jobs that are due in a year.
    ///
    /// # Errors
    /// When the database refuses something.
    pub async fn fill(&self, waiting: usize) -> anyhow::Result<()> {
        SqliteStorage::migrations().run(&self.pool).await?;
        let waiting_jobs = "INSERT INTO Jobs (job, id, job_type, status, attempts, max_attempts, run_at, priority, metadata) \
            WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?2) \
            SELECT x'30', lower(hex(randomblob(13))), ?1, 'Pending', 0, 25, unixepoch() + 31536000, 0, '{}' FROM n";
        if waiting > 0 {
            sqlx::query(waiting_jobs).bind(QUEUE).bind(i64::try_from(waiting)?).execute(&self.pool).await?;
        }
        sqlx::query("ANALYZE").execute(&self.pool).await?;
        Ok(())
    }
}

impl JobQueue for ApalisSqlite {
    type Worker = ApalisWorker;

    async fn enqueue(&self, _: QueueLoad, who: usize, count: usize) -> anyhow::Result<()> {
        let tasks = tasks(who, count);
        let _one = self.writer.lock().await;
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        push_tasks(&mut *transaction, QUEUE, &tasks).await?;
        Ok(transaction.commit().await?)
    }

    async fn start(&self, _: QueueLoad, gauge: Arc<Gauge>) -> anyhow::Result<ApalisWorker> {
        let config =
            Config::default().queue(QUEUE).batch_size(FETCH).lock_tasks(false).persist_results(false);
        let strategy = Strategy::new()
            .stream(self.listener.clone().ready_chunks(FETCH))
            .interval(Duration::from_millis(100));
        let backend =
            SqliteStorage::<usize>::new(&self.pool).with_config(config).poll_with_strategy(strategy);
        let number = self.workers.fetch_add(1, Ordering::Relaxed);
        let context = WorkerContext::new(&format!("bench-{}-{number}", std::process::id()));
        let worker =
            WorkerBuilder::new(&context).backend(backend).data(gauge).concurrency(AT_ONCE).build(run);
        Ok(ApalisWorker::new(context, tokio::spawn(worker.run())))
    }

    async fn is_done(&self, _: QueueLoad) -> anyhow::Result<bool> {
        let left = "SELECT EXISTS (SELECT 1 FROM Jobs WHERE status IN ('Queued', 'Running') AND job_type = ?1) \
            OR EXISTS (SELECT 1 FROM Jobs WHERE status = 'Pending' AND job_type = ?1 AND run_at <= unixepoch())";
        let left: bool = sqlx::query_scalar(left).bind(QUEUE).fetch_one(&self.pool).await?;
        Ok(!left)
    }

    async fn stop(&self, worker: ApalisWorker) -> anyhow::Result<()> {
        worker.stop().await
    }

    async fn clear(&self, _: QueueLoad) -> anyhow::Result<()> {
        let _one = self.writer.lock().await;
        sqlx::query("DELETE FROM Jobs WHERE run_at <= unixepoch()").execute(&self.pool).await?;
        sqlx::query("ANALYZE").execute(&self.pool).await?;
        Ok(())
    }
}
