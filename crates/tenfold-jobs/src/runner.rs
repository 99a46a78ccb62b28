//! Runs jobs: claims due jobs, runs them and records how they ended.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tenfold_data::{DataError, Database, Scope, SystemContext, TraceContext, Uuid};
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::admin;
use crate::context::{JobContext, Services};
use crate::ending;
use crate::enqueue::{ATTEMPTS_OF_EVENTS, PUBLISH, Published, insert};
use crate::event::Listeners;
use crate::job::{RegisteredKind, Registry};
use crate::later::{TryLater, postponed};
use crate::observer::{JobEnd, JobObserver};
use crate::rows::{JobId, QueuedJob};
use crate::store::{self, HeldJob, LeaseLost, Suspects};

/// The limits of a worker.
#[derive(Clone, Debug)]
pub struct JobSettings {
    /// Jobs at once in one process.
    pub concurrency: usize,
    /// How often an idle worker looks for work.
    pub poll: Duration,
    /// How long a worker may be silent before its jobs go to others.
    pub lease: Duration,
    /// How often in a row, without a completed step, a job's worker may be lost before the job is given up as poison.
    pub poison_after: u32,
}

/// Runs jobs in one process. Cheap to clone.
#[derive(Clone)]
pub struct Jobs(Arc<Inner>);

struct Inner {
    database: Database,
    registry: Registry,
    services: Services,
    settings: JobSettings,
    observer: Arc<dyn JobObserver>,
    /// New at each start: a restarted process is another worker, and its old jobs are rescued.
    worker: Uuid,
}

/// A job that this process holds.
pub(crate) struct Claimed {
    pub job: QueuedJob,
    pub token: Uuid,
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
        registry.insert(PUBLISH.to_owned(), deliver_to(listeners));
        if let Err(mistake) = registry.check() {
            panic!("{mistake}");
        }
        registry.declare(&database);
        let worker = database.clock().new_id();
        Jobs(Arc::new(Inner { database, registry, services, settings, observer, worker }))
    }

    pub(crate) fn settings(&self) -> &JobSettings {
        &self.0.settings
    }

    /// Runs what is due now, one after the other, until nothing is; for tests. Returns how many
    /// ran.
    ///
    /// # Errors
    /// When the database fails. A failed job is not an error here.
    pub async fn run_due(&self) -> Result<usize, DataError> {
        let mut ran = 0;
        loop {
            self.rescue().await?;
            let claimed = self.claim(1, Suspects::One).await?;
            if claimed.is_empty() {
                return Ok(ran);
            }
            for claimed in claimed {
                self.run(claimed).await;
                ran += 1;
            }
        }
    }

    /// Lets a job run now: one that waits, or one that was given up or cancelled, which gets one more attempt.
    ///
    /// # Errors
    /// [`DataError::NotFound`] when there is no such job; [`NotNow`](admin::NotNow) for one that runs or is done.
    pub async fn retry(&self, id: JobId) -> anyhow::Result<()> {
        self.0.database.run(None, async |cx| admin::retry(&cx, id).await).await
    }

    /// Requests a job's cancellation: at once if it is not running, else at its worker's next heartbeat.
    ///
    /// # Errors
    /// [`DataError::NotFound`] when it does not exist or is already finished.
    pub async fn cancel(&self, id: JobId) -> anyhow::Result<()> {
        self.0.database.run(None, async |cx| admin::cancel(&cx, &self.0.registry, id).await).await
    }

    /// Reports to the observer how many jobs there are.
    pub(crate) async fn count(&self) -> Result<(), DataError> {
        let counts = self.0.database.run(None, async |cx| admin::count_queued(&cx).await).await?;
        self.0.observer.queued(&counts);
        Ok(())
    }

    pub(crate) async fn claim(&self, limit: usize, suspects: Suspects) -> Result<Vec<Claimed>, DataError> {
        let (worker, lease) = (self.0.worker, self.0.settings.lease);
        self.0
            .database
            .run(None, async |cx| {
                if !store::is_any_due(&cx, suspects).await? {
                    return Ok(Vec::new());
                }
                let token = cx.new_id();
                let jobs = store::claim(&cx, worker, token, lease, limit, suspects).await?;
                Ok(jobs.into_iter().map(|job| Claimed { job, token }).collect())
            })
            .await
    }

    pub(crate) async fn rescue(&self) -> Result<usize, DataError> {
        let poison_after = self.0.settings.poison_after;
        self.0.database.run(None, async |cx| ending::rescue(&cx, &self.0.registry, poison_after).await).await
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
        let registry = &self.0.registry;
        self.0.database.run(None, async |cx| ending::fail(&cx, registry, id, token, error).await).await
    }

    pub(crate) async fn end(&self, id: JobId, token: Uuid) -> anyhow::Result<()> {
        self.0.database.run(None, async |cx| ending::cancel(&cx, &self.0.registry, id, token).await).await
    }

    /// Runs a job and records how it ended.
    pub(crate) async fn run(&self, claimed: Claimed) {
        let Claimed { job, token } = claimed;
        let (id, kind) = (job.id, job.kind.clone());
        // The job's work belongs to the trace of the request that enqueued it.
        let parent = TraceContext::parse(&job.trace);
        let trace = parent.map_or_else(TraceContext::start_random, |parent| parent.child());
        let span = tracing::info_span!(
            "job.run",
            messaging.operation.name = "process",
            tenfold.job.kind = %kind,
            tenfold.job.id = %id,
            tenfold.job.attempt = job.attempt,
            trace_id = %trace.trace_id,
            span_id = %trace.span_id,
        );
        let watch = self.0.observer.begin(&job, trace, parent.map(|parent| parent.span_id));
        async {
            let began = std::time::Instant::now();
            let scope_of = self.scope_of(&job, trace);
            let result = self.attempt(job, token, &scope_of).await;
            let error = result.as_ref().err().map(|error| format!("{error:#}"));
            let (elapsed, cost) = (began.elapsed(), scope_of.cost());
            watch.end(JobEnd { error: error.as_deref(), elapsed, cost });
            if let Err(error) = self.note(id, token, result).await {
                // The lease was lost, or the database is unavailable: the rescue returns the job to the queue.
                tracing::warn!(error = format!("{error:#}"), "the end of a job could not be noted");
            }
        }
        .instrument(span)
        .await;
    }

    /// The scope in which a job runs, with the deadline of its kind.
    fn scope_of(&self, job: &QueuedJob, trace: TraceContext) -> Arc<Scope> {
        let timeout = self.0.registry.get(&job.kind).map(|kind| kind.timeout);
        Scope::new(self.0.database.clone(), trace, timeout.map(|timeout| Instant::now() + timeout))
    }

    async fn attempt(&self, mut job: QueuedJob, token: Uuid, scope: &Arc<Scope>) -> anyhow::Result<()> {
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

    async fn note(&self, id: JobId, token: Uuid, result: anyhow::Result<()>) -> anyhow::Result<()> {
        self.0
            .database
            .run(None, async |cx| match result {
                Ok(()) => {
                    ending::complete(&cx, id, token).await?;
                    tracing::debug!("job completed");
                    Ok(())
                }
                Err(error) if error.is::<LeaseLost>() => Err(error),
                Err(error) => self.note_error(&cx, id, token, error).await,
            })
            .await
    }

    async fn note_error(
        &self,
        cx: &SystemContext,
        id: JobId,
        token: Uuid,
        error: anyhow::Error,
    ) -> anyhow::Result<()> {
        let (registry, postponed) = (&self.0.registry, postponed(&error));
        let error = format!("{error:#}");
        match postponed {
            Some(postponed) => {
                let reason = &postponed.reason;
                tracing::warn!(error, reason, "job waits for something outside and is tried again");
                ending::postpone(cx, registry, id, token, postponed, error).await
            }
            None => {
                tracing::warn!(error, "job failed");
                ending::fail(cx, registry, id, token, error).await
            }
        }
    }
}

/// The kind that turns an event into one delivery for each listener, all in one transaction.
fn deliver_to(listeners: Listeners) -> RegisteredKind {
    let listeners = Arc::new(listeners);
    RegisteredKind {
        timeout: Duration::from_secs(60),
        of: "an event on its way",
        run: Arc::new(move |job, args| {
            let listeners = Arc::clone(&listeners);
            Box::pin(async move {
                let published: Published = serde_json::from_value(args)?;
                let organization = job.cx().ok().map(|cx| cx.tenant());
                job.step_in("deliver", async |tx| {
                    let tx = tx.repeating("all deliveries travel with COMMIT, however many listen");
                    for kind in listeners.of(&published.name) {
                        let event = Ok(published.event.clone());
                        match organization {
                            Some(organization) => {
                                insert(&tx.within(organization), kind, event, ATTEMPTS_OF_EVENTS, 0, None)
                                    .await?
                            }
                            None => insert(&tx, kind, event, ATTEMPTS_OF_EVENTS, 0, None).await?,
                        };
                    }
                    Ok(())
                })
                .await
            })
        }),
    }
}
