//! A database with the tables of jobs, a clock that the test moves, and jobs that note what they did.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tenfold_data::testing::TestDatabase;
use tenfold_data::{
    Clock, DataError, Database, DatabaseSettings, Dialect, EntityExt as _, Observer, OrgId, SpanId,
    StatementRecord, SystemContext, Timestamp, TraceContext, Uuid, WaitRecord,
};
use tenfold_jobs::{
    Enqueue as _, FinishedJob, Job, JobContext, JobEnd, JobId, JobObserver, JobOptions, JobSettings,
    JobState, JobWatch, Jobs, Listeners, QueuedJob, Registry, Services, job_migrations,
};
use tokio::sync::{Notify, watch};

/// Runs a test on both databases.
#[macro_export]
macro_rules! on_both {
    (async fn $name:ident($world:ident) $body:block) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            async fn body($world: &$crate::fixture::World) $body

            #[test]
            fn on_sqlite() {
                $crate::fixture::run(tenfold_data::Dialect::Sqlite, async |world| body(world).await);
            }

            #[test]
            fn on_postgres() {
                $crate::fixture::run(tenfold_data::Dialect::Postgres, async |world| body(world).await);
            }
        }
    };
}

/// What a job is told to do; each does one of these by its `plan`.
#[derive(Serialize, Deserialize)]
pub struct Work {
    pub name: String,
    /// How many attempts fail before one succeeds.
    pub failures: i64,
}

impl Job for Work {
    const KIND: &'static str = "test.work";
    const MAX_ATTEMPTS: u32 = 4;

    async fn run(self, job: JobContext) -> anyhow::Result<()> {
        job.service::<Diary>()?.note(&format!("{} attempt {}", self.name, job.attempt()));
        anyhow::ensure!(job.attempt() > self.failures, "told to fail");
        Ok(())
    }
}

/// Ends when the bell rings.
#[derive(Serialize, Deserialize)]
pub struct Slow;

impl Job for Slow {
    const KIND: &'static str = "test.slow";

    async fn run(self, job: JobContext) -> anyhow::Result<()> {
        let bell: Arc<Notify> = job.service()?;
        let rung = bell.notified();
        job.service::<Diary>()?.note("begun");
        rung.await;
        job.service::<Diary>()?.note("done");
        Ok(())
    }
}

/// What happened, in order.
#[derive(Clone, Default)]
pub struct Diary {
    lines: Arc<Mutex<Vec<String>>>,
    /// How many jobs have got to where they hang.
    hanging: watch::Sender<usize>,
}

impl Diary {
    /// Never ends, as a job whose worker will be lost.
    pub async fn hang(&self) -> ! {
        self.hanging.send_modify(|count| *count += 1);
        std::future::pending().await
    }

    pub fn note(&self, what: &str) {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).push(what.to_owned());
    }

    pub fn clear(&self) {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub fn read(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl JobObserver for Diary {
    fn begin(&self, job: &QueuedJob, _: TraceContext, _: Option<SpanId>) -> Box<dyn JobWatch> {
        self.note(&format!("{} begins", job.kind));
        Box::new(DiaryWatch { diary: self.clone(), kind: job.kind.clone() })
    }

    fn queued(&self, _: &[(JobState, u64)]) {}

    fn waits(&self, _: &str, _: &str, _: Duration) {}
}

struct DiaryWatch {
    diary: Diary,
    kind: String,
}

impl JobWatch for DiaryWatch {
    fn end(self: Box<Self>, end: JobEnd<'_>) {
        let error = end.error.map_or_else(String::new, |error| format!(": {error}"));
        self.diary.note(&format!("{} ends{error}", self.kind));
    }
}

/// The transactions that waited for something else than the database.
#[derive(Default)]
pub struct Waits(Mutex<Vec<WaitRecord>>);

impl Waits {
    pub fn take(&self) -> Vec<WaitRecord> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Observer for Waits {
    fn statement(&self, _: &StatementRecord) {}

    fn waited(&self, record: &WaitRecord) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(record.clone());
    }
}

pub struct World {
    pub database: Database,
    pub clock: Clock,
    pub diary: Arc<Diary>,
    /// What observers heard.
    pub watched: Diary,
    /// What a job may wait for.
    pub bell: Arc<Notify>,
    /// Those that no test takes fail it.
    pub waits: Arc<Waits>,
    place: TestDatabase,
}

pub fn run(dialect: Dialect, test: impl AsyncFnOnce(&World)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime starts").block_on(async {
        let place = TestDatabase::create(dialect).await;
        let clock = Clock::manual(Timestamp::from_second(1_767_225_600).expect("a moment in 2026"));
        let settings = place.settings(DatabaseSettings::default());
        let waits = Arc::new(Waits::default());
        let observers: Vec<Arc<dyn Observer>> = vec![Arc::clone(&waits) as Arc<dyn Observer>];
        let database = Database::open(place.url(), &settings, clock.clone(), observers).expect("it opens");
        database.migrate(&[job_migrations()]).await.expect("the tables are made");
        let (diary, bell) = (Arc::default(), Arc::new(Notify::new()));
        let world = World { database, clock, diary, watched: Diary::default(), bell, waits, place };
        test(&world).await;
        world.database.close().await;
        if let Some(first) = world.waits.take().first() {
            panic!("{first}");
        }
    });
}

impl World {
    /// A runner, as a process that has just started has one.
    pub fn jobs(&self, set_up: impl FnOnce(&mut Registry, &mut Listeners)) -> Jobs {
        let settings = JobSettings {
            concurrency: 4,
            poll: Duration::from_millis(20),
            lease: Duration::from_secs(5),
            ..JobSettings::default()
        };
        self.jobs_with(settings, set_up)
    }

    /// The same database, as a process with another clock has it.
    pub fn database_by(&self, clock: Clock) -> Database {
        let settings = self.place.settings(DatabaseSettings::default());
        Database::open(self.place.url(), &settings, clock, Vec::new()).expect("it opens")
    }

    pub fn jobs_with(
        &self,
        settings: JobSettings,
        set_up: impl FnOnce(&mut Registry, &mut Listeners),
    ) -> Jobs {
        self.jobs_on(&self.database, settings, set_up)
    }

    pub fn jobs_on(
        &self,
        database: &Database,
        settings: JobSettings,
        set_up: impl FnOnce(&mut Registry, &mut Listeners),
    ) -> Jobs {
        let (mut registry, mut listeners) = (Registry::default(), Listeners::default());
        registry.register::<Work>();
        set_up(&mut registry, &mut listeners);
        let mut services: HashMap<_, Arc<dyn std::any::Any + Send + Sync>> = HashMap::new();
        let diary: Arc<Diary> = Arc::clone(&self.diary);
        services.insert(std::any::TypeId::of::<Diary>(), diary);
        let bell: Arc<Notify> = Arc::clone(&self.bell);
        services.insert(std::any::TypeId::of::<Notify>(), bell);
        let observer = Arc::new(self.watched.clone());
        Jobs::new(database.clone(), registry, listeners, Services::new(services), settings, observer)
    }

    pub async fn enqueue<J: Job>(&self, job: J) -> JobId {
        let enqueue = async |cx: SystemContext| cx.transaction(async |tx| tx.enqueue(job).await).await;
        self.database.run(None, enqueue).await.expect("the job is stored")
    }

    pub async fn work(&self, name: &str, failures: i64) -> JobId {
        self.enqueue(Work { name: name.to_owned(), failures }).await
    }

    /// Enqueues work of an organization, which is named by a number.
    pub async fn work_of(&self, organization: u128, name: &str, options: JobOptions) -> JobId {
        self.enqueue_of(organization, Work { name: name.to_owned(), failures: 0 }, options).await
    }

    pub async fn enqueue_of<J: Job>(&self, organization: u128, job: J, options: JobOptions) -> JobId {
        let enqueue = async |cx: SystemContext| {
            let cx = cx.within(OrgId(Uuid::from_u128(organization)));
            cx.transaction(async |tx| tx.enqueue_with(job, options).await).await
        };
        self.database.run(None, enqueue).await.expect("the job is stored")
    }

    /// Enqueues work that differs from its kind.
    pub async fn work_with(&self, name: &str, options: JobOptions) -> JobId {
        let job = Work { name: name.to_owned(), failures: 0 };
        let enqueue =
            async |cx: SystemContext| cx.transaction(async |tx| tx.enqueue_with(job, options).await).await;
        self.database.run(None, enqueue).await.expect("the job is stored")
    }

    /// Enqueues work for a later time.
    pub async fn enqueue_for(&self, run_at: Timestamp) -> JobId {
        let job = Work { name: "later".to_owned(), failures: 0 };
        let options = JobOptions::new().run_at(run_at);
        let enqueue =
            async |cx: SystemContext| cx.transaction(async |tx| tx.enqueue_with(job, options).await).await;
        self.database.run(None, enqueue).await.expect("the job is stored")
    }

    pub async fn queued(&self, id: JobId) -> Option<QueuedJob> {
        let find = async |cx: SystemContext| QueuedJob::find(&cx, id).await;
        self.database.run(None, find).await.expect("it can be read").map(|job| (*job).clone())
    }

    pub async fn finished(&self, id: JobId) -> Option<FinishedJob> {
        let find = async |cx: SystemContext| FinishedJob::find(&cx, id).await;
        self.database.run(None, find).await.expect("it can be read").map(|job| (*job).clone())
    }

    /// Runs what is due, and drops the future without a word once a job hangs. If none does it ends by itself.
    pub async fn leave(&self, jobs: &Jobs) {
        let mut hanging = self.diary.hanging.subscribe();
        tokio::select! {
            ran = jobs.run_due() => drop(ran),
            hangs = hanging.changed() => hangs.expect("the diary is there"),
        }
    }

    /// What a process runs is lost: its future is dropped without a word. It sees the lease, which stands still from now on.
    pub async fn lose(&self, jobs: &Jobs) {
        self.leave(jobs).await;
        jobs.pause("default").await.expect("nothing else starts");
        assert_eq!(jobs.run_due().await.expect("the lease holds"), 0);
        jobs.resume("default").await.expect("it goes on");
        self.clock.advance(Duration::from_secs(6));
    }

    pub async fn rolled_back(&self, job: Work) {
        let enqueue = async |cx: SystemContext| {
            cx.transaction(async |tx| -> Result<(), DataError> {
                tx.enqueue(job).await?;
                Err(DataError::Abandoned)
            })
            .await
        };
        self.database.run(None, enqueue).await.expect_err("it was told to roll back");
    }
}
