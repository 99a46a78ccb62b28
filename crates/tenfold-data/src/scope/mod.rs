//! The request scope: gathers the loads of a request and sends them in batches.
//!
//! The policy is Haxl's (Marlow et al., "There is no Fork", ICFP 2014): run everything that can run, and send the
//! waiting loads only when nothing can. No timer is involved. `drive.rs` decides when nothing can run, `signal.rs`
//! records wakes, `model.rs` checks both, and `keyed.rs` has the loads by key.

mod answer;
mod asker;
mod callers;
mod columns;
mod commit;
mod connection;
mod deferred;
mod drive;
#[doc(hidden)]
pub mod keyed;
#[cfg(test)]
mod model;
mod platform;
mod repeats;
mod run;
mod signal;
mod timed;
mod waits;
mod writes;

use std::any::{Any, TypeId};
use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::hash::Hash;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError};
use std::task::Waker;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;
use tokio::time::Instant;

pub(crate) use self::answer::Answer;
pub(crate) use self::asker::Asker;
pub use self::connection::Connection;
pub(crate) use self::connection::TransactionState;
pub use self::drive::Driven;
use self::platform::{Mutex, MutexGuard};
use self::repeats::Repeats;
pub(crate) use self::repeats::{BATCH, RepeatCheck};
use self::signal::{Part, Signal};
use crate::clock::Clock;
use crate::database::Database;
use crate::error::DataError;
use crate::ownership::OrgId;
use crate::statement::{CallRecord, CallSite};
use crate::trace::TraceContext;

/// Loads that wait for the next flush and go out as one statement or one call.
#[doc(hidden)]
pub trait Batch: Send + 'static {
    /// Sends the batch and answers all its waiters.
    fn run(self: Box<Self>, scope: Arc<Scope>) -> BoxFuture<'static, ()>;
    /// How many clones of this waker are held by waiters of this batch and of no other. Fewer if this cannot be
    /// determined at once, never more. No clone is dropped before the batch is, unless the clone is fired.
    fn holds_waker(&self, _waker: &Waker) -> usize {
        0
    }
    /// For adding another load to a waiting batch.
    fn as_any(&mut self) -> &mut dyn Any;
}

/// How many wakers of a batch are inspected. Work that waits with more has other branches that can run.
pub(crate) const FEW: usize = 16;

/// Loads with equal keys can share a batch.
#[doc(hidden)]
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct BatchKey {
    /// What is loaded: an entity, or the address of a relation or of a module's method.
    pub what: LoadSource,
    /// The organization it is loaded for.
    pub tenant: Option<OrgId>,
    /// The number of the transaction it is loaded in; 0 for none.
    pub connection: u64,
}

#[doc(hidden)]
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum LoadSource {
    Entity(TypeId),
    Relation(TypeId, &'static str, &'static str),
    Call(&'static str, &'static str, usize),
}

/// What a request has cost so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Statements sent to the database.
    pub statements: u64,
    /// Time that they took, added up. Statements that ran concurrently all count.
    pub database_time: Duration,
    /// Calls to other modules. A batch of calls counts as one.
    pub calls: u64,
}

/// One request's (or job's, or command's) reads and writes: batches, remembered rows, costs, deadline.
pub struct Scope {
    database: Database,
    clock: Clock,
    trace: TraceContext,
    deadline: Option<Instant>,
    statements: AtomicU64,
    database_nanos: AtomicU64,
    calls: AtomicU64,
    repeats: Repeats,
    /// Whether a commit that changed rows was sent.
    has_written: AtomicBool,
    /// Whether it reads everything from the database.
    is_past_cache: AtomicBool,
    /// The tables that its statements named, once they are noted.
    tables: OnceLock<std::sync::Mutex<BTreeSet<Arc<str>>>>,
    state: Mutex<State>,
}

pub(crate) struct State {
    phase: Phase,
    /// The signal of the driver, fired when something is submitted or spawned.
    driver: Option<Arc<Signal>>,
    pending: Vec<(BatchKey, Box<dyn Batch>)>,
    spawned: Vec<BoxFuture<'static, ()>>,
    open_transaction: Option<CallSite>,
    /// The state of the open transaction, once it holds its connection.
    held: Option<Arc<TransactionState>>,
    /// The request cache: what was found by key, for each loader and tenant.
    remembered: HashMap<(LoadSource, Option<OrgId>), Box<dyn Any + Send>>,
    /// Counts how often the cache was cleared, so that a load that began before does not refill it.
    generation: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Waiting,
    Driven,
    Ended,
}

impl Scope {
    /// A scope for one piece of work. Nothing can be loaded before [`Scope::drive`].
    pub fn new(database: Database, trace: TraceContext, deadline: Option<Instant>) -> Arc<Self> {
        Arc::new(Scope {
            clock: database.clock().clone(),
            database,
            trace,
            deadline,
            statements: AtomicU64::new(0),
            database_nanos: AtomicU64::new(0),
            calls: AtomicU64::new(0),
            repeats: Repeats::default(),
            has_written: AtomicBool::new(false),
            is_past_cache: AtomicBool::new(false),
            tables: OnceLock::new(),
            state: Mutex::new(State {
                phase: Phase::Waiting,
                driver: None,
                pending: Vec::new(),
                spawned: Vec::new(),
                open_transaction: None,
                held: None,
                remembered: HashMap::new(),
                generation: 0,
            }),
        })
    }

    /// The database that the scope reads and writes.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// The clock, which tests can move.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The trace that the work belongs to.
    pub fn trace(&self) -> TraceContext {
        self.trace
    }

    /// When the work must have ended.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// What the work has cost so far.
    pub fn cost(&self) -> Cost {
        Cost {
            statements: self.statements.load(Ordering::Relaxed),
            database_time: Duration::from_nanos(self.database_nanos.load(Ordering::Relaxed)),
            calls: self.calls.load(Ordering::Relaxed),
        }
    }

    /// Reads everything from the database from now on: for a request of somebody whose latest change was made by another process,
    /// which this one may not know yet.
    pub fn read_past_cache(&self) {
        self.is_past_cache.store(true, Ordering::Relaxed);
    }

    /// Whether it does.
    pub fn reads_past_cache(&self) -> bool {
        self.is_past_cache.load(Ordering::Relaxed)
    }

    /// Whether the work has sent a COMMIT that changes rows, however it ended.
    pub fn has_written(&self) -> bool {
        self.has_written.load(Ordering::Relaxed)
    }

    /// Notes from now on which tables the scope's statements name. An answer that was made from them stays true until
    /// one of these tables changes: which statement comes next depends on what the earlier ones found.
    pub fn note_tables(&self) {
        self.tables.get_or_init(std::sync::Mutex::default);
    }

    /// The tables that were named since [`Scope::note_tables`].
    pub fn noted_tables(&self) -> BTreeSet<Arc<str>> {
        let noted = self.tables.get().map(|tables| tables.lock().unwrap_or_else(PoisonError::into_inner));
        noted.map(|tables| tables.clone()).unwrap_or_default()
    }

    /// Adds the cost of a part of the work that ran in a scope of its own.
    pub fn absorb(&self, cost: Cost) {
        self.statements.fetch_add(cost.statements, Ordering::Relaxed);
        let nanos = u64::try_from(cost.database_time.as_nanos()).unwrap_or(u64::MAX);
        self.database_nanos.fetch_add(nanos, Ordering::Relaxed);
        self.calls.fetch_add(cost.calls, Ordering::Relaxed);
    }

    /// Counts a call to another module, and tells the observers.
    #[doc(hidden)]
    pub fn record_call(&self, record: &CallRecord) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        for observer in self.database.observers() {
            observer.call(record);
        }
    }

    /// Fails when a transaction of this scope is open, because `what` would wait for what its caller holds.
    ///
    /// # Errors
    /// [`DataError::TransactionOpen`], with both call sites.
    #[doc(hidden)]
    pub fn refuse_inside_transaction(&self, what: &'static str, site: CallSite) -> Result<(), DataError> {
        match self.state().open_transaction {
            Some(opened) => Err(DataError::TransactionOpen { what, site, opened }),
            None => Ok(()),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a load to the waiting batch with `key`; `new` makes the batch if there is none yet.
    ///
    /// # Errors
    /// [`DataError::OutsideScope`] when the scope is not driven: the load would wait for ever.
    #[doc(hidden)]
    pub fn submit<B: Batch>(
        &self,
        key: BatchKey,
        site: CallSite,
        new: impl FnOnce() -> B,
        add: impl FnOnce(&mut B),
    ) -> Result<(), DataError> {
        let mut state = self.state();
        state.check_driven(site)?;
        let index = state.pending.iter().position(|(waiting, _)| *waiting == key).unwrap_or_else(|| {
            self.note_begun(site);
            state.pending.push((key, Box::new(new())));
            state.pending.len() - 1
        });
        let batch =
            state.pending[index].1.as_any().downcast_mut().expect("a batch key names one type of batch");
        add(batch);
        state.tell_driver();
        Ok(())
    }

    pub(crate) fn spawn<T, F>(&self, task: F) -> impl Future<Output = Option<T>> + Send + use<T, F>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let (answer, receiver) = oneshot::channel();
        let mut state = self.state();
        if state.phase != Phase::Ended {
            state.spawned.push(Box::pin(async move {
                // The receiver may be gone. The task itself has run.
                let _ = answer.send(task.await);
            }));
            state.tell_driver();
        }
        async move { receiver.await.ok() }
    }

    pub(crate) fn open_transaction(&self, site: CallSite) -> Result<(), DataError> {
        let mut state = self.state();
        if let Some(opened) = state.open_transaction {
            return Err(DataError::TransactionOpen { what: "a second transaction", site, opened });
        }
        state.open_transaction = Some(site);
        Ok(())
    }

    /// Drops the loads that wait for a transaction which is about to end.
    pub(crate) fn abandon(&self, connection: u64) {
        let abandoned =
            self.state().pending.extract_if(.., |(key, _)| key.connection == connection).collect::<Vec<_>>();
        // Outside the lock: a dropped batch wakes its waiters.
        drop(abandoned);
    }

    /// Forgets the rows that were loaded by key, since a transaction of this scope may have changed them.
    pub(crate) fn close_transaction(&self) {
        let mut state = self.state();
        state.open_transaction = None;
        state.held = None;
        state.remembered.clear();
        state.generation += 1;
    }
}

impl State {
    fn check_driven(&self, site: CallSite) -> Result<(), DataError> {
        match self.phase {
            Phase::Driven => Ok(()),
            Phase::Waiting => Err(DataError::OutsideScope { site, when: "before anybody drove its scope" }),
            Phase::Ended => Err(DataError::OutsideScope { site, when: "after its request had ended" }),
        }
    }

    fn tell_driver(&self) {
        self.driver.iter().for_each(|driver| driver.fire(Part::Asked));
    }
}
