//! apalis on PostgreSQL: woken by NOTIFY, fetching in batches, without storing results or a lock for each task.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use apalis::prelude::*;
use apalis_postgres::{Config, PgPool, PgTask, PostgresStorage, Pubsub, queries::push_tasks};
use sqlx::postgres::PgPoolOptions;
use tokio::task::JoinHandle;

use crate::queue::{ENQUEUERS, Gauge, JobQueue, QueueLoad};
use crate::{AT_ONCE, FETCH, QUEUE};

/// A running worker and what stops it.
pub struct ApalisWorker {
    context: WorkerContext,
    task: JoinHandle<Result<(), WorkerError>>,
}

/// apalis.
pub struct ApalisPostgres {
    pool: PgPool,
    workers: AtomicUsize,
}

impl ApalisPostgres {
    /// Opens the database.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub async fn open(url: &str) -> anyhow::Result<Self> {
        let pool = PgPoolOptions::new().max_connections(u32::try_from(ENQUEUERS)? + 8).connect(url).await?;
        Ok(ApalisPostgres { pool, workers: AtomicUsize::new(0) })
    }

    /// Makes the tables, and jobs that are due in a year.
    ///
    /// # Errors
    /// When the database refuses something.
    pub async fn fill(&self, waiting: usize) -> anyhow::Result<()> {
        PostgresStorage::setup(&self.pool).await?;
        let waiting_jobs = "INSERT INTO apalis.jobs (id, job_type, job, status, attempts, max_attempts, run_at, priority, \
                metadata) \
            SELECT gen_random_uuid()::text, $1, '0'::bytea, 'Pending', 0, 25, now() + interval '1 year', 0, ''::hstore \
            FROM generate_series(1, $2)";
        sqlx::query(waiting_jobs).bind(QUEUE).bind(i64::try_from(waiting)?).execute(&self.pool).await?;
        sqlx::query("VACUUM ANALYZE").execute(&self.pool).await?;
        Ok(())
    }
}

/// Tasks whose argument is who enqueued them.
pub fn tasks(who: usize, count: usize) -> Vec<PgTask> {
    (0..count).map(|_| TaskBuilder::new(who.to_string().into_bytes()).build()).collect()
}

/// What each task does, on both databases.
pub async fn run(who: usize, gauge: Data<Arc<Gauge>>) -> Result<(), BoxDynError> {
    gauge.run(who).await;
    Ok(())
}

impl JobQueue for ApalisPostgres {
    type Worker = ApalisWorker;

    async fn enqueue(&self, _: QueueLoad, who: usize, count: usize) -> anyhow::Result<()> {
        let mut connection = self.pool.acquire().await?;
        Ok(push_tasks(&mut *connection, QUEUE, tasks(who, count)).await?)
    }

    async fn start(&self, _: QueueLoad, gauge: Arc<Gauge>) -> anyhow::Result<ApalisWorker> {
        let config =
            Config::default().queue(QUEUE).batch_size(FETCH).lock_tasks(false).persist_results(false);
        let strategy = Strategy::new()
            .stream(Pubsub::new(self.pool.clone(), QUEUE.to_owned()))
            .interval(Duration::from_millis(100));
        let backend =
            PostgresStorage::<usize>::new(&self.pool).with_config(config).poll_with_strategy(strategy);
        let number = self.workers.fetch_add(1, Ordering::Relaxed);
        let context = WorkerContext::new(&format!("bench-{}-{number}", std::process::id()));
        let worker =
            WorkerBuilder::new(&context).backend(backend).data(gauge).concurrency(AT_ONCE).build(run);
        Ok(ApalisWorker { context, task: tokio::spawn(worker.run()) })
    }

    async fn is_done(&self, _: QueueLoad) -> anyhow::Result<bool> {
        let left = "SELECT EXISTS (SELECT 1 FROM apalis.jobs WHERE status IN ('Queued', 'Running') \
            OR (status = 'Pending' AND job_type = $1 AND run_at <= now()))";
        let left: bool = sqlx::query_scalar(left).bind(QUEUE).fetch_one(&self.pool).await?;
        Ok(!left)
    }

    async fn stop(&self, worker: ApalisWorker) -> anyhow::Result<()> {
        worker.stop().await
    }

    async fn clear(&self, _: QueueLoad) -> anyhow::Result<()> {
        sqlx::query("DELETE FROM apalis.jobs WHERE run_at <= now()").execute(&self.pool).await?;
        sqlx::query("VACUUM ANALYZE apalis.jobs").execute(&self.pool).await?;
        Ok(())
    }
}

impl ApalisWorker {
    /// One that runs already.
    pub fn new(context: WorkerContext, task: JoinHandle<Result<(), WorkerError>>) -> Self {
        ApalisWorker { context, task }
    }

    /// Stops it.
    ///
    /// # Errors
    /// When it failed.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        anyhow::ensure!(!self.task.is_finished(), "the worker ended by itself");
        self.context.stop().map_err(|error| anyhow::anyhow!("{error}"))?;
        // Its jobs are done; what it still waits for does not matter.
        if tokio::time::timeout(Duration::from_secs(2), &mut self.task).await.is_err() {
            self.task.abort();
        }
        Ok(())
    }
}
