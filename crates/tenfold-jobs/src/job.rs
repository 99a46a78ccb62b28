//! A kind of job, and the table of kinds that a process can run.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tenfold_data::Database;

use crate::context::JobContext;
use crate::given_up::{GivenUp, follow_up_kind, tell};

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
    /// Lower runs first.
    const PRIORITY: i64 = 0;
    /// An attempt that takes longer has failed.
    const TIMEOUT: Duration = Duration::from_secs(15 * 60);

    /// Does the work. It may run more than once: put effects into [`JobContext::step`].
    ///
    /// # Errors
    /// Any error fails the attempt; the next one follows after a growing pause. [`TryLater`](crate::TryLater) says
    /// that the job is not at fault.
    fn run(self, job: JobContext) -> impl Future<Output = anyhow::Result<()>> + Send;
}

/// The kinds that a process can run, and enqueue.
#[derive(Clone, Default)]
pub struct Registry {
    kinds: HashMap<String, RegisteredKind>,
    /// The kinds of the follow-ups, which notify the listener of a given-up job.
    follow_ups: HashMap<&'static str, String>,
    twice: Option<RegistryError>,
}

/// Kinds of jobs that contradict each other.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RegistryError {
    /// A stored job would be read as the wrong type.
    #[error("two jobs or listeners are called {kind:?}: {first} and {second}: give one of them another name")]
    Twice {
        /// The name.
        kind: String,
        /// The type that has it.
        first: &'static str,
        /// The type that also claims it; the same type when it is registered twice.
        second: &'static str,
    },
    /// A listener waits for the end of jobs that no process runs.
    #[error(
        "a listener waits for given up jobs of the kind {kind:?}, which no module registers: add `.job::<…>()` for it"
    )]
    Unknown {
        /// The kind.
        kind: &'static str,
    },
}

/// How a kind runs, with its type erased.
#[derive(Clone)]
pub(crate) struct RegisteredKind {
    pub timeout: Duration,
    pub run: Run,
    /// The type behind it, for messages.
    pub of: &'static str,
}

type Run = Arc<dyn Fn(JobContext, serde_json::Value) -> BoxFuture<'static, anyhow::Result<()>> + Send + Sync>;

impl Registry {
    /// Adds a kind. [`Registry::check`] reports a name that another type has.
    pub fn register<J: Job>(&mut self) {
        let run: Run = Arc::new(|job, args| {
            Box::pin(async move {
                let work: J = serde_json::from_value(args).map_err(|error| {
                    anyhow::anyhow!("the stored arguments are not a {}: {error}", J::KIND)
                })?;
                work.run(job).await
            })
        });
        self.insert(
            J::KIND.to_owned(),
            RegisteredKind { timeout: J::TIMEOUT, run, of: std::any::type_name::<J>() },
        );
    }

    /// Calls `listen` for each job of a kind that ends without success: discarded after its last attempt or as poison, or
    /// cancelled by an operator. The call is a separate job (of the kind `<kind>.given_up`), which is committed with the end
    /// and retried until it succeeds. So `listen` may be called twice. A kind has one such listener.
    pub fn on_given_up<J, F, W>(&mut self, listen: F)
    where
        J: Job,
        F: Fn(JobContext, GivenUp<J>) -> W + Send + Sync + 'static,
        W: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let kind = follow_up_kind(J::KIND);
        self.insert(kind.clone(), tell(listen));
        self.follow_ups.insert(J::KIND, kind);
    }

    /// Checks that the kinds are consistent.
    ///
    /// # Errors
    /// The first name that two of them share, or a listener for a kind that does not exist.
    pub fn check(&self) -> Result<(), RegistryError> {
        if let Some(twice) = &self.twice {
            return Err(twice.clone());
        }
        match self.follow_ups.keys().find(|kind| !self.kinds.contains_key(**kind)) {
            Some(kind) => Err(RegistryError::Unknown { kind }),
            None => Ok(()),
        }
    }

    /// Declares the kinds to the database's transactions, which then refuse to enqueue any other kind.
    /// [`Jobs::new`](crate::Jobs::new) calls this too; call it directly for jobs that are enqueued earlier.
    pub fn declare(&self, database: &Database) {
        database.companion::<KnownKinds>().add(self.kinds.keys());
    }

    pub(crate) fn insert(&mut self, name: String, kind: RegisteredKind) {
        let second = kind.of;
        if let Some(first) = self.kinds.insert(name.clone(), kind) {
            self.twice.get_or_insert(RegistryError::Twice { kind: name, first: first.of, second });
        }
    }

    pub(crate) fn get(&self, kind: &str) -> Option<&RegisteredKind> {
        self.kinds.get(kind)
    }

    /// The kind of the follow-up for given-up jobs of this kind.
    pub(crate) fn follow_up(&self, kind: &str) -> Option<&str> {
        self.follow_ups.get(kind).map(String::as_str)
    }
}

/// The kinds of all registries of a database. Until the first registry is declared every kind is accepted: a database
/// that is used without an application has none.
#[derive(Default)]
pub(crate) struct KnownKinds(RwLock<HashSet<String>>);

impl KnownKinds {
    fn add<'a>(&self, kinds: impl Iterator<Item = &'a String>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).extend(kinds.cloned());
    }

    pub(crate) fn has(&self, kind: &str) -> bool {
        let kinds = self.0.read().unwrap_or_else(PoisonError::into_inner);
        kinds.is_empty() || kinds.contains(kind)
    }
}
