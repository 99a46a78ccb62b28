//! Enqueueing, always inside the caller's transaction.

use std::future::Future;
use std::panic::Location;

use serde::{Deserialize, Serialize};
use tenfold_data::{
    CallSite, DataError, EntityExt as _, OrgId, SystemTx, Timestamp, TraceContext, Tx, Write,
};

use crate::event::Event;
use crate::job::{Job, KnownKinds};
use crate::rows::{JobId, JobState, QueuedJob};

/// How one job differs from the defaults of its kind.
#[derive(Clone, Copy, Debug, Default)]
pub struct JobOptions {
    /// The earliest time to run; at once if not set.
    pub run_at: Option<Timestamp>,
    /// Lower runs first; the kind's priority if not set.
    pub priority: Option<i64>,
}

/// The kind of the job that delivers an event to its listeners.
pub(crate) const PUBLISH: &str = "tenfold.publish";

/// An event in transit.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Published {
    pub name: String,
    pub version: u32,
    pub event: serde_json::Value,
}

/// `tx.enqueue(job)` and `tx.publish(event)`: committed with the rows of the transaction, or not at all.
pub trait Enqueue: Write<tenfold_data::Global> + Sync {
    #[doc(hidden)]
    fn origin_of_job(&self) -> (Option<OrgId>, TraceContext, Timestamp, tenfold_data::Uuid);

    #[doc(hidden)]
    fn knows_kind(&self, kind: &str) -> bool;

    /// Enqueues a job; it may run as soon as the transaction is committed.
    ///
    /// Its row is stored with the transaction's next statement or with COMMIT. If that fails, the error names this
    /// statement and the line that enqueued the job.
    ///
    /// # Errors
    /// [`DataError::Misuse`] for a kind that no module of the application registers, in every role of the process;
    /// arguments that are not JSON, or that a database cannot store.
    #[track_caller]
    fn enqueue<J: Job>(&self, job: J) -> impl Future<Output = Result<JobId, DataError>> + Send
    where
        Self: Sized,
    {
        self.enqueue_with(job, JobOptions::default())
    }

    /// Enqueues a job with a later time or another priority.
    ///
    /// # Errors
    /// Like [`Enqueue::enqueue`].
    #[track_caller]
    fn enqueue_with<J: Job>(
        &self,
        job: J,
        options: JobOptions,
    ) -> impl Future<Output = Result<JobId, DataError>> + Send
    where
        Self: Sized,
    {
        let site = Location::caller();
        let row = self.knows_kind(J::KIND).then(|| {
            let args = serde_json::to_value(&job);
            let priority = options.priority.unwrap_or(J::PRIORITY);
            insert(self, J::KIND, args, i64::from(J::MAX_ATTEMPTS), priority, options.run_at)
        });
        async move {
            match row {
                Some(row) => row.await,
                None => Err(unregistered::<J>(site)),
            }
        }
    }

    /// Publishes an event to its listeners, once the transaction is committed.
    ///
    /// # Errors
    /// Like [`Enqueue::enqueue`].
    #[track_caller]
    fn publish<E: Event>(&self, event: E) -> impl Future<Output = Result<(), DataError>> + Send
    where
        Self: Sized,
    {
        let published = serde_json::to_value(&event)
            .map(|event| Published { name: E::NAME.to_owned(), version: E::VERSION, event })
            .and_then(serde_json::to_value);
        let row = insert(self, PUBLISH, published, ATTEMPTS_OF_EVENTS, 0, None);
        async move { row.await.map(drop) }
    }
}

/// An event is retried for about a day before it is parked.
pub(crate) const ATTEMPTS_OF_EVENTS: i64 = 15;

/// No worker would ever run the job, and its caller would wait for ever.
fn unregistered<J: Job>(site: CallSite) -> DataError {
    let name = std::any::type_name::<J>();
    let name = name.rsplit("::").next().unwrap_or(name);
    DataError::Misuse {
        what: format!("a job of the kind {:?} was enqueued", J::KIND),
        site,
        why: format!(
            "no module of this application registers this kind, so it would never run: add `.job::<{name}>()` where its \
             module is built with Module::new(…)"
        ),
    }
}

/// Stores a job of a kind known by name.
#[track_caller]
pub(crate) fn insert<T: Enqueue>(
    tx: &T,
    kind: &str,
    args: Result<serde_json::Value, serde_json::Error>,
    max_attempts: i64,
    priority: i64,
    run_at: Option<Timestamp>,
) -> impl Future<Output = Result<JobId, DataError>> + Send + use<T> {
    let (org_id, trace, now, id) = tx.origin_of_job();
    let state = if run_at.is_some_and(|at| at > now) { JobState::Scheduled } else { JobState::Available };
    let row = args.map(|args| QueuedJob {
        org_id,
        state,
        priority,
        run_at: run_at.unwrap_or(now),
        max_attempts,
        trace: trace.header(),
        ..QueuedJob::fresh(JobId(id), kind, args, now)
    });
    // Its result is not awaited: the row travels with the next statement, or with COMMIT.
    let stored = row.map(|row| row.insert_deferred(tx));
    async move {
        let stored =
            stored.map_err(|error| DataError::Settings(format!("the job cannot be JSON: {error}")))?;
        stored.await.map(|()| JobId(id))
    }
}

impl Enqueue for Tx<'_> {
    fn origin_of_job(&self) -> (Option<OrgId>, TraceContext, Timestamp, tenfold_data::Uuid) {
        (Some(self.tenant()), self.trace(), self.now(), self.new_id())
    }

    fn knows_kind(&self, kind: &str) -> bool {
        self.companion::<KnownKinds>().has(kind)
    }
}

impl Enqueue for SystemTx<'_> {
    fn origin_of_job(&self) -> (Option<OrgId>, TraceContext, Timestamp, tenfold_data::Uuid) {
        (None, self.trace(), self.now(), self.new_id())
    }

    fn knows_kind(&self, kind: &str) -> bool {
        self.companion::<KnownKinds>().has(kind)
    }
}
