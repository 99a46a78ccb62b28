//! Ours: `tx.enqueue`, `Jobs` and `Worker`, with the settings of the reference backend but for the number at once.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tenfold_data::{DataError, Database, Dialect, OrgId, Scope, SpanId, SystemContext, TraceContext, Uuid};
use tenfold_jobs::{
    Enqueue as _, Job, JobContext, JobEnd, JobObserver, JobOptions, JobSettings, JobState, JobWatch, Jobs,
    Listeners, QueuedJob, Registry, Services, Worker, job_migrations,
};

use crate::jobs::floor_postgres::PostgresFloor;
use crate::jobs::floor_sqlite::SqliteFloor;
use crate::place::DatabaseUrls;
use crate::queue::{BATCH, ENQUEUERS, Gauge, JobQueue, QueueLoad};

/// Organizations that have waiting jobs.
const WAITING_ORGANIZATIONS: usize = 10_000;
/// Jobs at once: as many as the peers fetch at once. More than the default of 8, as a queue of short jobs needs.
const AT_ONCE: usize = 500;

/// A job that is run.
#[derive(Serialize, Deserialize)]
struct MeasuredJob {
    who: usize,
}

impl Job for MeasuredJob {
    const KIND: &'static str = "bench.measured";

    async fn run(self, job: JobContext) -> anyhow::Result<()> {
        job.service::<Gauge>()?.run(self.who).await;
        Ok(())
    }
}

/// A job that waits.
#[derive(Serialize, Deserialize)]
struct WaitingJob {
    who: usize,
}

impl Job for WaitingJob {
    const KIND: &'static str = "bench.waiting";

    async fn run(self, _: JobContext) -> anyhow::Result<()> {
        anyhow::bail!("it is not due")
    }
}

/// As a process without metrics.
struct NoObserver;

impl JobObserver for NoObserver {
    fn begin(&self, _: &QueuedJob, _: TraceContext, _: Option<SpanId>) -> Box<dyn JobWatch> {
        Box::new(NoObserver)
    }

    fn queued(&self, _: &[(JobState, u64)]) {}

    fn waits(&self, _: &str, _: &str, _: Duration) {}
}

impl JobWatch for NoObserver {
    fn end(self: Box<Self>, _: JobEnd<'_>) {}
}

/// What looks at the tables beside it.
enum TablesBeside {
    Sqlite(SqliteFloor),
    Postgres(PostgresFloor),
}

/// Ours on one database.
pub struct Ours {
    database: Database,
    trace: TraceContext,
    beside: TablesBeside,
}

impl Ours {
    /// Opens the database.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(place: &DatabaseUrls) -> anyhow::Result<Self> {
        let beside = match place.dialect() {
            Dialect::Sqlite => TablesBeside::Sqlite(SqliteFloor::open(place)?),
            Dialect::Postgres => TablesBeside::Postgres(PostgresFloor::open(place)?),
        };
        Ok(Ours { database: place.database(Vec::new())?, trace: TraceContext::start_random(), beside })
    }

    /// Makes the tables, and jobs that are due in a year, spread over many organizations.
    ///
    /// # Errors
    /// When the database refuses something.
    pub async fn fill(&self, waiting: usize) -> anyhow::Result<()> {
        self.database.migrate(&[job_migrations()]).await?;
        let year = Duration::from_secs(365 * 24 * 60 * 60);
        let options = JobOptions::new().run_at(self.database.clock().now() + year);
        let fill = async |who: usize| {
            for batch in (who..waiting.div_ceil(BATCH)).step_by(ENQUEUERS) {
                let organization = 1_000 + batch % WAITING_ORGANIZATIONS;
                let (scope, cx) = self.request(organization);
                let work = cx.transaction(async |tx| {
                    for who in 0..BATCH {
                        tx.enqueue_with(WaitingJob { who }, options.clone()).await?;
                    }
                    Ok::<_, DataError>(())
                });
                scope.drive(work).await?;
            }
            Ok::<_, DataError>(())
        };
        futures_util::future::try_join_all((0..ENQUEUERS).map(fill)).await?;
        self.database.clone().close().await;
        Ok(())
    }

    fn request(&self, organization: usize) -> (Arc<Scope>, tenfold_data::Context) {
        let scope = Scope::new(self.database.clone(), self.trace.child(), None);
        let cx = SystemContext::new(Arc::clone(&scope)).within(OrgId(Uuid::from_u128(organization as u128)));
        (scope, cx)
    }
}

impl JobQueue for Ours {
    type Worker = Worker;

    async fn enqueue(&self, _: QueueLoad, who: usize, count: usize) -> anyhow::Result<()> {
        let (scope, cx) = self.request(1 + who);
        let work = cx.transaction(async |tx| {
            for _ in 0..count {
                tx.enqueue(MeasuredJob { who }).await?;
            }
            Ok::<_, DataError>(())
        });
        Ok(scope.drive(work).await?)
    }

    async fn start(&self, _: QueueLoad, gauge: Arc<Gauge>) -> anyhow::Result<Worker> {
        let mut registry = Registry::default();
        registry.register::<MeasuredJob>();
        registry.register::<WaitingJob>();
        let gauge: Arc<dyn Any + Send + Sync> = gauge;
        let services = Services::new(HashMap::from([(TypeId::of::<Gauge>(), gauge)]));
        let settings = JobSettings { concurrency: AT_ONCE, ..JobSettings::default() };
        let (database, observer) = (self.database.clone(), Arc::new(NoObserver));
        Ok(Worker::start(Jobs::new(database, registry, Listeners::default(), services, settings, observer)))
    }

    async fn is_done(&self, load: QueueLoad) -> anyhow::Result<bool> {
        match &self.beside {
            TablesBeside::Sqlite(beside) => beside.is_done(load).await,
            TablesBeside::Postgres(beside) => beside.is_done(load).await,
        }
    }

    async fn stop(&self, worker: Worker) -> anyhow::Result<()> {
        let left = worker.stop(Duration::from_secs(10)).await;
        anyhow::ensure!(left == 0, "{left} jobs were handed back");
        Ok(())
    }

    async fn clear(&self, load: QueueLoad) -> anyhow::Result<()> {
        match &self.beside {
            TablesBeside::Sqlite(beside) => beside.clear(load).await,
            TablesBeside::Postgres(beside) => beside.clear(load).await,
        }
    }
}
