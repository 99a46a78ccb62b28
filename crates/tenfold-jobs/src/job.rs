//! A kind of job, and the table of kinds that a process can run.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::context::JobContext;

/// Work that is done in the background: its fields are its arguments, stored as JSON.
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
    /// How often it may be begun before it is discarded.
    const MAX_ATTEMPTS: u32 = 10;
    /// Lower runs first.
    const PRIORITY: i64 = 0;
    /// After this long an attempt is given up as failed.
    const TIMEOUT: Duration = Duration::from_secs(15 * 60);

    /// Does the work. It may run more than once: put effects into [`JobContext::step`].
    ///
    /// # Errors
    /// Any error fails the attempt; the next one comes after a pause that grows.
    fn run(self, job: JobContext) -> impl Future<Output = anyhow::Result<()>> + Send;
}

/// The kinds that a process can run.
#[derive(Clone, Default)]
pub struct Registry {
    kinds: HashMap<&'static str, Kind>,
}

/// How a kind is run, its type forgotten.
#[derive(Clone)]
pub(crate) struct Kind {
    pub timeout: Duration,
    pub run: Run,
}

type Run = Arc<dyn Fn(JobContext, serde_json::Value) -> BoxFuture<'static, anyhow::Result<()>> + Send + Sync>;

impl Registry {
    /// Adds a kind.
    ///
    /// # Panics
    /// When another type has the same name: jobs would be read as the wrong one.
    pub fn register<J: Job>(&mut self) {
        let run: Run = Arc::new(|job, args| {
            Box::pin(async move {
                let work: J = serde_json::from_value(args)
                    .map_err(|error| anyhow::anyhow!("the stored arguments are no {}: {error}", J::KIND))?;
                work.run(job).await
            })
        });
        self.insert(J::KIND, Kind { timeout: J::TIMEOUT, run });
    }

    pub(crate) fn insert(&mut self, name: &'static str, kind: Kind) {
        assert!(self.kinds.insert(name, kind).is_none(), "two kinds of jobs are called {name}");
    }

    pub(crate) fn get(&self, kind: &str) -> Option<&Kind> {
        self.kinds.get(kind)
    }
}
