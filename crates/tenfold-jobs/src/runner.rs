//! Runs jobs: claims due jobs, runs them and records how they ended.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tenfold_data::{DataError, Database, Scope, SystemContext, Timestamp, TraceContext, Uuid, Watch};
use tokio::sync::OnceCell;
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::claim::{self, Holder, LANES};
use crate::context::{JobContext, Services};
use crate::ending::{self, AttemptFailure, CompletedJobs, Done};
use crate::heal::LastLooks;
use crate::job::RegisteredKind;
use crate::later::{Postponed, TryLater, is_final, postponed};
use crate::listeners::Listeners;
use crate::observer::{JobEnd, JobObserver};
use crate::registry::Registry;
use crate::rescue::SeenLeases;
use crate::rows::{DEFAULT_QUEUE, JobId, QueuedJob};
use crate::settings::JobSettings;
use crate::store::{self, HeldJob, LeaseLost};
use crate::{due, prune, schedule, signals};

/// Runs jobs in one process. Cheap to clone.
#[derive(Clone)]
pub struct Jobs(pub(crate) Arc<JobsInner>);

pub(crate) struct JobsInner {
    pub(crate) database: Database,
    pub(crate) registry: Registry,
    pub(crate) listeners: Listeners,
    pub(crate) settings: JobSettings,
    services: Services,
    pub(crate) observer: Arc<dyn JobObserver>,
    /// New at each start: a restarted process is another worker, and its old jobs are rescued.
    worker: Uuid,
    /// What it has seen of the leases of all workers.
    pub(crate) leases: SeenLeases,
    /// What was looked at last of what may wait without a reason.
    pub(crate) last_look: LastLooks,
    /// Set when the schedules have their rows.
    scheduled: OnceCell<()>,
}

/// A job that this process holds.
pub(crate) struct Claimed {
    pub job: QueuedJob,
    pub token: Uuid,
}

/// An attempt whose end is to be recorded.
pub(crate) struct EndedAttempt {
    pub done: Done,
    pub result: anyhow::Result<()>,
}

impl Jobs {
    /// A runner of these kinds; events go to these listeners, and the observer sees every job.
    ///
    /// # Panics
    /// When the kinds are inconsistent; check with [`Registry::check`] first.
    pub fn new(
        database: Database,
        mut registry: Registry,
        listeners: Listeners,
        services: Services,
        settings: JobSettings,
        observer: Arc<dyn JobObserver>,
    ) -> Self {
        prune::register(&mut registry, &settings);
        registry.insert(crate::enqueue::PUBLISH.to_owned(), crate::listeners::deliver_stored());
        if let Err(mistake) = registry.check() {
            panic!("{mistake}");
        }
        registry.declare(&database);
        listeners.declare(&database);
        let queues = registry.queues().keys().copied().chain([DEFAULT_QUEUE]);
        database.feed().tell(signals::told(queues));
        let worker = database.clock().new_id();
        Jobs(Arc::new(JobsInner {
            database,
            registry,
            listeners,
            settings,
            services,
            observer,
            worker,
            leases: SeenLeases::default(),
            last_look: LastLooks::default(),
            scheduled: OnceCell::new(),
        }))
    }

    pub(crate) fn settings(&self) -> &JobSettings {
        &self.0.settings
    }

    /// The queues, with how many jobs of each run at once in a process.
    pub(crate) fn queues_here(&self) -> Vec<(&'static str, usize)> {
        let declared = self.0.registry.queues();
        let default =
            (!declared.contains_key(DEFAULT_QUEUE)).then_some((DEFAULT_QUEUE, self.0.settings.concurrency));
        default.into_iter().chain(declared.iter().map(|(name, concurrency)| (*name, *concurrency))).collect()
    }

    /// Runs what is due now, one after the other, until nothing is: for tests.
    /// Schedules that are due fire. Returns how many jobs ran.
    ///
    /// # Errors
    /// When the database fails. A failed job is not an error here.
    pub async fn run_due(&self) -> Result<usize, DataError> {
        let (mut ran, mut after) = (0, Uuid::nil());
        loop {
            self.rescue().await?;
            self.release_batches().await?;
            self.keep_time().await?;
            let mut claimed = Vec::new();
            for (queue, _) in self.queues_here() {
                claimed = self.claim(queue, 1, 0, |_| 1, &mut after).await?;
                if claimed.is_empty() {
                    claimed.extend(self.claim_suspect(queue).await?);
                }
                if !claimed.is_empty() {
                    break;
                }
            }
            if claimed.is_empty() {
                return Ok(ran);
            }
            for claimed in claimed {
                let attempt = self.attempt(claimed).await;
                self.record(attempt, async |done| {
                    self.complete(&[done]).await.map(|done| !done.ended.is_empty())
                })
                .await;
                ran += 1;
            }
        }
    }

    /// Like [`Jobs::run_due`]. If other processes hold jobs, it runs once more after a lease, so that the jobs of lost workers
    /// run, too: for an operator without workers.
    ///
    /// # Errors
    /// As [`Jobs::run_due`].
    pub async fn run_due_and_lost(&self) -> Result<usize, DataError> {
        let ran = self.run_due().await?;
        if !self.0.leases.any() {
            return Ok(ran);
        }
        tokio::time::sleep(self.0.settings.lease).await;
        Ok(ran + self.run_due().await?)
    }

    fn holder(&self) -> Holder {
        Holder { worker: self.0.worker, lease: self.0.settings.lease }
    }

    /// Claims up to `free` jobs of a queue, from the organizations behind the lane `after` on. `room` says how many more
    /// jobs of a lane may run; that is none for `full` lanes at most.
    pub(crate) async fn claim(
        &self,
        queue: &str,
        free: usize,
        full: usize,
        room: impl Fn(Uuid) -> usize,
        after: &mut Uuid,
    ) -> Result<Vec<Claimed>, DataError> {
        let (holder, from) = (self.holder(), *after);
        let (claimed, last) = self
            .0
            .database
            .run(None, async |cx| {
                let lanes = claim::lanes(&cx, queue, from, free.min(LANES) + full).await?;
                let turns = claim::share(lanes, free, room);
                let Some(last) = turns.last().map(|turn| turn.lane) else {
                    return Ok::<_, DataError>((Vec::new(), from));
                };
                Ok((claim::claim(&cx, holder, queue, &turns).await?, last))
            })
            .await?;
        *after = last;
        Ok(claimed.into_iter().filter_map(Claimed::of).collect())
    }

    /// Claims a job that may be what kills workers.
    pub(crate) async fn claim_suspect(&self, queue: &str) -> Result<Option<Claimed>, DataError> {
        let holder = self.holder();
        let claimed =
            self.0.database.run(None, async |cx| claim::claim_suspect(&cx, holder, queue).await).await?;
        Ok(claimed.and_then(Claimed::of))
    }

    /// Stores the schedules, with the times of their first firings; those of the same text keep theirs.
    ///
    /// # Errors
    /// The database fails, or the time zone is unknown.
    pub async fn declare_schedules(&self) -> anyhow::Result<()> {
        let declare = async || {
            let (schedules, zone) = (self.0.registry.schedules(), &self.0.settings.time_zone);
            let declare = async |cx: SystemContext| schedule::declare(&cx, schedules.values(), zone).await;
            self.0.database.run(None, declare).await
        };
        self.0.scheduled.get_or_try_init(declare).await.map(drop)
    }

    /// Fires schedules, and makes jobs available whose time has come. Returns how long nothing more is due.
    pub(crate) async fn keep_time(&self) -> Result<Option<Duration>, DataError> {
        let now = self.0.database.run(None, async |cx| due::now(&cx).await).await?;
        let fired = self.fire_schedules(now).await.unwrap_or_else(|error| {
            tracing::warn!(error = format!("{error:#}"), "schedules could not fire; trying again");
            None
        });
        let staged = self.0.database.run(None, async |cx| due::stage(&cx, now).await).await?;
        let until = |next: Timestamp| Duration::try_from(next.duration_since(now)).unwrap_or_default();
        Ok(fired.into_iter().chain(staged).min().map(until))
    }

    /// What tells that jobs wait in a queue.
    pub(crate) fn watch(&self, queue: &str) -> Watch {
        self.0.database.feed().watch([signals::waits_in(queue), signals::waits_somewhere()])
    }

    async fn fire_schedules(&self, now: Timestamp) -> anyhow::Result<Option<Timestamp>> {
        self.declare_schedules().await?;
        let (schedules, zone) = (self.0.registry.schedules(), &self.0.settings.time_zone);
        let find = |name: &str| schedules.get(name);
        self.0.database.run(None, async |cx| schedule::fire_due(&cx, find, zone, now).await).await
    }

    pub(crate) async fn heartbeat(&self) -> Result<Vec<HeldJob>, DataError> {
        let (worker, lease) = (self.0.worker, self.0.settings.lease);
        self.0.database.run(None, async |cx| store::heartbeat(&cx, worker, lease).await).await
    }

    pub(crate) async fn hand_back(&self, id: JobId, token: Uuid) -> anyhow::Result<()> {
        self.0.database.run(None, async |cx| ending::hand_back(&cx, id, token).await).await
    }

    /// Records that an attempt failed because this process holds the job but is not running it.
    pub(crate) async fn disown(&self, id: JobId, token: Uuid) -> anyhow::Result<()> {
        let error = "the worker that held it knew nothing of it".to_owned();
        let failure = AttemptFailure { error, is_final: false };
        let registry = &self.0.registry;
        self.0.database.run(None, async |cx| ending::fail(&cx, registry, id, token, failure).await).await
    }

    pub(crate) async fn end(&self, id: JobId, token: Uuid) -> anyhow::Result<()> {
        self.0.database.run(None, async |cx| ending::cancel(&cx, &self.0.registry, id, token).await).await
    }

    /// Moves jobs whose work is done to the history.
    pub(crate) async fn complete(&self, done: &[Done]) -> Result<CompletedJobs, DataError> {
        self.0.database.run(None, async |cx| ending::complete(&cx, done).await).await
    }

    /// Runs a job.
    pub(crate) async fn attempt(&self, claimed: Claimed) -> EndedAttempt {
        let Claimed { job, token } = claimed;
        let done = Done::of(&job, token);
        // The job's work belongs to the trace of the request that enqueued it.
        let parent = TraceContext::parse(&job.trace);
        let trace = parent.map_or_else(TraceContext::start_random, |parent| parent.child());
        let watch = self.0.observer.begin(&job, trace, parent.map(|parent| parent.span_id));
        let span = span_of(&job, trace);
        let began = std::time::Instant::now();
        let scope_of = self.scope_of(&job, trace);
        let result = self.work(job, token, &scope_of).instrument(span).await;
        // A job that runs again because it asked for it, or must wait for its turn, did not fail.
        let failed = result
            .as_ref()
            .err()
            .filter(|error| !matches!(postponed(error), Some(Postponed::Snoozes(_) | Postponed::Turn(_))));
        let error = failed.map(|error| format!("{error:#}"));
        let (elapsed, cost) = (began.elapsed(), scope_of.cost());
        watch.end(JobEnd { error: error.as_deref(), elapsed, cost });
        EndedAttempt { done, result }
    }

    /// Records how an attempt ended. `complete` moves a job that is done to the history, and says whether its lease held.
    pub(crate) async fn record(
        &self,
        attempt: EndedAttempt,
        complete: impl AsyncFnOnce(Done) -> Result<bool, DataError>,
    ) {
        let EndedAttempt { done, result } = attempt;
        let (id, token) = (done.id, done.token);
        let recorded = match result {
            Ok(()) => match complete(done).await {
                Ok(true) => Ok(()),
                Ok(false) => Err(LeaseLost(id).into()),
                Err(error) => Err(error.into()),
            },
            Err(error) if error.is::<LeaseLost>() => Err(error),
            Err(error) => self.record_error(id, token, error).await,
        };
        if let Err(error) = recorded {
            // The lease was lost, or the database is unavailable: the rescue returns the job to the queue.
            tracing::warn!(error = format!("{error:#}"), job = %id, "the end of a job could not be noted");
        }
    }

    async fn record_error(&self, id: JobId, token: Uuid, error: anyhow::Error) -> anyhow::Result<()> {
        let (registry, postponed, is_final) = (&self.0.registry, postponed(&error), is_final(&error));
        let error = format!("{error:#}");
        match &postponed {
            Some(Postponed::Waits { reason, .. }) => {
                tracing::warn!(job = %id, error, reason, "job waits for something outside and is tried again");
            }
            Some(_) => tracing::debug!(job = %id, error, "job runs again later"),
            None => tracing::warn!(job = %id, error, "job failed"),
        }
        self.0
            .database
            .run(None, async |cx| match postponed {
                Some(postponed) => ending::postpone(&cx, registry, id, token, postponed, error).await,
                None => ending::fail(&cx, registry, id, token, AttemptFailure { error, is_final }).await,
            })
            .await
    }

    /// The scope in which a job runs, with the deadline of its kind.
    fn scope_of(&self, job: &QueuedJob, trace: TraceContext) -> Arc<Scope> {
        let timeout = self.0.registry.get(&job.kind).map(|kind| kind.timeout);
        Scope::new(self.0.database.clone(), trace, timeout.map(|timeout| Instant::now() + timeout))
    }

    async fn work(&self, mut job: QueuedJob, token: Uuid, scope: &Arc<Scope>) -> anyhow::Result<()> {
        let Some(RegisteredKind { timeout, run, .. }) = self.0.registry.get(&job.kind).cloned() else {
            // During a deployment another process may know it.
            let unknown = format!("no module of this process registers the kind {}", job.kind);
            return Err(TryLater::because("waiting for a worker that registers its kind")
                .caused_by(unknown)
                .into());
        };
        let args = job.args.take();
        let cx = JobContext::new(SystemContext::new(Arc::clone(scope)), job, token, self.0.services.clone());
        let work = AssertUnwindSafe(async move { run(cx, args).await }).catch_unwind();
        match tokio::time::timeout(timeout, scope.drive(work)).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => anyhow::bail!("it panicked"),
            Err(_) => anyhow::bail!("it took longer than {timeout:?}"),
        }
    }
}

impl Claimed {
    fn of(job: QueuedJob) -> Option<Self> {
        // A claimed job has a token.
        job.token.map(|token| Claimed { job, token })
    }
}

fn span_of(job: &QueuedJob, trace: TraceContext) -> tracing::Span {
    tracing::info_span!(
        "job.run",
        messaging.operation.name = "process",
        tenfold.job.kind = %job.kind,
        tenfold.job.id = %job.id,
        tenfold.job.attempt = job.attempt,
        trace_id = %trace.trace_id,
        span_id = %trace.span_id,
    )
}
