//! A kind of job.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::context::JobContext;
use crate::rate::RateLimit;
use crate::rows::DEFAULT_QUEUE;

/// Work that runs in the background: its fields are its arguments, stored as JSON.
///
/// ```ignore
/// #[derive(Serialize, Deserialize)]
/// pub struct ProcessUpload { pub upload: UploadId }
///
/// impl Job for ProcessUpload {
///     const KIND: &'static str = "files.process_upload";
///     async fn run(self, job: JobContext) -> anyhow::Result<()> { /* … */ }
/// }
/// ```
pub trait Job: Serialize + DeserializeOwned + Send + 'static {
    /// The stable name under which jobs are stored; `module.verb_noun`.
    const KIND: &'static str;
    /// How often it may fail before it is discarded. Attempts that end with [`TryLater`](crate::TryLater), or because
    /// their worker was lost, do not count.
    const MAX_ATTEMPTS: u32 = 10;
    /// Lower runs first, among the jobs of an organization in a queue.
    const PRIORITY: i64 = 0;
    /// The queue that its jobs wait in.
    const QUEUE: &'static str = DEFAULT_QUEUE;
    /// An attempt that takes longer has failed.
    const TIMEOUT: Duration = Duration::from_secs(15 * 60);

    /// A limit on how many jobs start in a time. Jobs that exceed it wait for their turn, which counts as no attempt.
    fn rate_limit(&self) -> Option<RateLimit> {
        None
    }

    /// Does the work. It may run more than once: put effects into [`JobContext::step`].
    ///
    /// # Errors
    /// Any error fails the attempt; the next one follows after a growing pause. [`TryLater`](crate::TryLater) says
    /// that the job is not at fault.
    fn run(self, job: JobContext) -> impl Future<Output = anyhow::Result<()>> + Send;
}

/// How a kind runs, with its type erased.
#[derive(Clone)]
pub(crate) struct RegisteredKind {
    pub timeout: Duration,
    pub run: Run,
    pub queue: &'static str,
    /// The type behind it, for messages.
    pub of: &'static str,
}

type Run = Arc<dyn Fn(JobContext, serde_json::Value) -> BoxFuture<'static, anyhow::Result<()>> + Send + Sync>;

impl RegisteredKind {
    /// How a job runs.
    pub(crate) fn of<J: Job>() -> Self {
        let run: Run = Arc::new(|job, args| {
            Box::pin(async move {
                let work: J = serde_json::from_value(args).map_err(|error| {
                    anyhow::anyhow!("the stored arguments are not a {}: {error}", J::KIND)
                })?;
                if let Some(limit) = work.rate_limit() {
                    job.take_turn(&limit).await?;
                }
                work.run(job).await
            })
        });
        RegisteredKind { timeout: J::TIMEOUT, run, queue: J::QUEUE, of: std::any::type_name::<J>() }
    }
}
