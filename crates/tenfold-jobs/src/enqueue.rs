//! Enqueueing, always inside the caller's transaction.

use std::future::Future;
use std::panic::Location;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tenfold_data::{
    CallSite, DataError, EntityExt as _, OrgId, SystemTx, Timestamp, TraceContext, Tx, Uuid, Write,
};

use crate::declared::DeclaredKinds;
use crate::event::Event;
use crate::job::Job;
use crate::options::JobOptions;
use crate::rows::{DEFAULT_QUEUE, FAR, JobId, JobState, QueuedJob};
use crate::unique::stored_key;
use crate::{ordered, signals, unique};

/// The kind of the jobs with which an older version delivered events.
pub(crate) const PUBLISH: &str = "tenfold.publish";

/// An event as an older version stored it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Published {
    pub name: String,
    pub version: u32,
    pub event: serde_json::Value,
}

/// `tx.enqueue(job)` and `tx.publish(event)`: committed with the rows of the transaction, or not at all.
pub trait Enqueue: Write<tenfold_data::Global> + Sync {
    #[doc(hidden)]
    fn origin_of_job(&self) -> (Option<OrgId>, TraceContext, Timestamp, Uuid);

    /// What the application declares: kinds, queues and listeners.
    #[doc(hidden)]
    fn declared(&self) -> Arc<DeclaredKinds>;

    /// Says on the feed, once the transaction commits, that a job waits in a queue.
    #[doc(hidden)]
    fn say_waiting(&self, queue: &str);

    /// The same transaction, for statements that repeat for each listener.
    #[doc(hidden)]
    fn each_listener(&self) -> Self
    where
        Self: Sized;

    /// Enqueues a job; it may run as soon as the transaction is committed.
    ///
    /// Its row is stored with the transaction's next statement or with COMMIT. If that fails, the error names this
    /// statement and the line that enqueued the job.
    ///
    /// # Errors
    /// [`DataError::Misuse`] for a kind or a queue that no module of the application declares, in every role of the
    /// process; arguments that are not JSON, or that a database cannot store.
    #[track_caller]
    fn enqueue<J: Job>(&self, job: J) -> impl Future<Output = Result<JobId, DataError>> + Send
    where
        Self: Sized,
    {
        store(self, job, JobOptions::default(), JobState::Available)
    }

    /// Enqueues a job with a later time, a unique key, or whatever else [`JobOptions`] offers. If another job has the
    /// unique key, nothing is stored, and the id is that job's.
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
        store(self, job, options, JobState::Available)
    }

    /// Enqueues a job that runs when all jobs of its batch have ended, those that were given up included. Enqueue the
    /// batch in the same transaction, with [`JobOptions::part_of`]. A batch without jobs is done after a few seconds.
    ///
    /// # Errors
    /// Like [`Enqueue::enqueue`].
    #[track_caller]
    fn enqueue_batch<J: Job>(&self, then: J) -> impl Future<Output = Result<JobId, DataError>> + Send
    where
        Self: Sized,
    {
        store(self, then, JobOptions::default(), JobState::Waiting)
    }

    /// Publishes an event: each listener gets a delivery, which runs once the transaction is committed. An event with an
    /// [`order_key`](Event::order_key) makes other events of that key wait for the end of the transaction.
    ///
    /// # Errors
    /// Like [`Enqueue::enqueue`].
    #[track_caller]
    fn publish<E: Event>(&self, event: E) -> impl Future<Output = Result<(), DataError>> + Send
    where
        Self: Sized,
    {
        let order = event.order_key();
        let outgoing = serde_json::to_value(&event).map(|args| Outgoing {
            name: E::NAME.to_owned(),
            version: i64::from(E::VERSION),
            order,
            args,
        });
        deliver(self, outgoing)
    }
}

/// An event is retried for about a day before its delivery is parked.
pub(crate) const ATTEMPTS_OF_EVENTS: i64 = 15;

/// Stores a job.
#[track_caller]
fn store<T: Enqueue, J: Job>(
    tx: &T,
    job: J,
    options: JobOptions,
    state: JobState,
) -> impl Future<Output = Result<JobId, DataError>> + Send + use<'_, T, J> {
    let site = Location::caller();
    let checked = check::<T, J>(tx, &options, site);
    let (org_id, trace, now, id) = tx.origin_of_job();
    let (id, args) = (JobId(id), serde_json::to_value(&job).map_err(not_json));
    let unique = options.unique.clone();
    let queue = options.queue.unwrap_or(J::QUEUE);
    let row = args.map(|args| {
        let due = options.run_at.is_none_or(|at| at <= now);
        let row = QueuedJob {
            queue: queue.to_owned(),
            state: if due { state } else { JobState::Scheduled },
            priority: options.priority.unwrap_or(J::PRIORITY),
            run_at: if state == JobState::Waiting { FAR } else { options.run_at.unwrap_or(now) },
            max_attempts: i64::from(J::MAX_ATTEMPTS),
            tags: options.tags.into(),
            batch_id: options.part_of,
            holds_key: unique.as_ref().is_some_and(|unique| unique.window.is_none()),
            trace: trace.header(),
            ..QueuedJob::fresh(id, J::KIND, args, now)
        };
        // Its result is not awaited: the row travels with the next statement, or with COMMIT.
        row.of(org_id).insert_deferred(tx)
    });
    async move {
        checked?;
        if let Some(unique) = unique {
            let key = stored_key(J::KIND, org_id, &unique.key);
            let holder = unique::take(tx, key, &unique, id, now).await?;
            if holder != id {
                return Ok(holder);
            }
        }
        row?.await?;
        tx.say_waiting(queue);
        Ok(id)
    }
}

/// An event on its way to its listeners.
pub(crate) struct Outgoing {
    pub name: String,
    pub version: i64,
    pub order: Option<String>,
    pub args: serde_json::Value,
}

/// Stores a delivery for each listener.
#[track_caller]
pub(crate) fn deliver<T: Enqueue>(
    tx: &T,
    outgoing: Result<Outgoing, serde_json::Error>,
) -> impl Future<Output = Result<(), DataError>> + Send + use<T> {
    let tx = tx.each_listener();
    let deliveries = outgoing.map_err(not_json).map(|event| {
        let row = |kind: &'static str| {
            let (org_id, trace, now, id) = tx.origin_of_job();
            let row = QueuedJob {
                max_attempts: ATTEMPTS_OF_EVENTS,
                version: event.version,
                trace: trace.header(),
                order_key: event.order.as_ref().map(|order| stored_key(kind, org_id, order)),
                ..QueuedJob::fresh(JobId(id), kind, event.args.clone(), now)
            };
            let row = row.of(org_id);
            match &row.order_key {
                Some(_) => Delivery::Ordered(Box::new(row)),
                None => Delivery::AtOnce(row.insert_deferred(&tx)),
            }
        };
        tx.declared().listeners(&event.name).into_iter().map(row).collect::<Vec<_>>()
    });
    async move {
        for delivery in deliveries? {
            match delivery {
                Delivery::AtOnce(stored) => stored.await?,
                Delivery::Ordered(row) => ordered::insert(&tx, *row).await?,
            }
            tx.say_waiting(DEFAULT_QUEUE);
        }
        Ok(())
    }
}

/// A delivery to be stored.
enum Delivery<F> {
    AtOnce(F),
    Ordered(Box<QueuedJob>),
}

fn not_json(error: serde_json::Error) -> DataError {
    DataError::Settings(format!("the job cannot be JSON: {error}"))
}

/// Refuses what no worker would ever run: its caller would wait for ever.
fn check<T: Enqueue, J: Job>(tx: &T, options: &JobOptions, site: CallSite) -> Result<(), DataError> {
    let name = std::any::type_name::<J>();
    let name = name.rsplit("::").next().unwrap_or(name);
    let what = format!("a job of the kind {:?} was enqueued", J::KIND);
    let declared = tx.declared();
    if !declared.has_kind(J::KIND) {
        let why = format!(
            "no module of this application registers this kind, so it would never run: add `.job::<{name}>()` where its \
             module is built with Module::new(…)"
        );
        return Err(DataError::Misuse { what, site, why });
    }
    let queue = options.queue.unwrap_or(J::QUEUE);
    if !declared.has_queue(queue) {
        let why = format!(
            "no module of this application declares its queue {queue:?}, so it would never run: add \
             `.queue({queue:?}, 4)` where a module is built with Module::new(…)"
        );
        return Err(DataError::Misuse { what, site, why });
    }
    Ok(())
}

impl Enqueue for Tx<'_> {
    fn origin_of_job(&self) -> (Option<OrgId>, TraceContext, Timestamp, Uuid) {
        (Some(self.tenant()), self.trace(), self.now(), self.new_id())
    }

    fn declared(&self) -> Arc<DeclaredKinds> {
        self.companion()
    }

    fn say_waiting(&self, queue: &str) {
        self.signal(signals::waits_in(queue));
    }

    fn each_listener(&self) -> Self {
        self.repeating(EACH_LISTENER)
    }
}

impl Enqueue for SystemTx<'_> {
    fn origin_of_job(&self) -> (Option<OrgId>, TraceContext, Timestamp, Uuid) {
        (None, self.trace(), self.now(), self.new_id())
    }

    fn declared(&self) -> Arc<DeclaredKinds> {
        self.companion()
    }

    fn say_waiting(&self, queue: &str) {
        self.signal(signals::waits_in(queue));
    }

    fn each_listener(&self) -> Self {
        self.repeating(EACH_LISTENER)
    }
}

/// Why the statements about deliveries may repeat.
const EACH_LISTENER: &str = "all deliveries travel with COMMIT, however many listen";
