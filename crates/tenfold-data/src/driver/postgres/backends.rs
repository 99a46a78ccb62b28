//! The server's processes behind our connections: what each is doing, and how long it has waited for locks.
//!
//! PostgreSQL does not say with an answer how much of its time was a wait. So one task, [`lock_watch`](super::lock_watch), asks from
//! beside, and only while a statement takes long. A statement itself pays for three counters.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use deadpool_postgres::{ClientWrapper, StatementCache};
use tokio_postgres::Config;

use super::tls::Tls;
use crate::statement::CallSite;
use crate::waited::LockCounter;

/// One process of the server, which serves one connection.
pub(super) struct Backend {
    pub pid: i32,
    /// How many statements it has to answer.
    under_way: AtomicUsize,
    /// How many it has answered.
    answered: AtomicU64,
    /// The transaction that its connection is for, if it is for one.
    opened: Mutex<Option<CallSite>>,
    pub locks: Arc<LockCounter>,
}

impl Backend {
    fn new(pid: i32) -> Self {
        let (under_way, answered) = (AtomicUsize::new(0), AtomicU64::new(0));
        Backend { pid, under_way, answered, opened: Mutex::default(), locks: Arc::default() }
    }

    /// Counts a statement as under way until the result is dropped.
    pub(super) fn occupy(&self) -> Occupied<'_> {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        Occupied(self)
    }

    /// Its connection is for a transaction that was opened at this line, or for none.
    pub(super) fn is_for(&self, site: Option<CallSite>) {
        *self.opened.lock().unwrap_or_else(PoisonError::into_inner) = site;
    }

    pub(super) fn opened(&self) -> Option<CallSite> {
        *self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many statements it has answered, if it has to answer one.
    pub(super) fn busy_since(&self) -> Option<u64> {
        let is_busy = self.under_way.load(Ordering::Relaxed) > 0;
        is_busy.then(|| self.answered.load(Ordering::Relaxed))
    }
}

/// A statement that is under way.
pub(super) struct Occupied<'a>(&'a Backend);

impl Drop for Occupied<'_> {
    fn drop(&mut self) {
        self.0.answered.fetch_add(1, Ordering::Relaxed);
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The processes behind all connections of one database.
pub(super) struct Backends {
    pub config: Config,
    pub tls: Tls,
    known: Mutex<KnownBackends>,
    /// Whether the task runs that asks for locks.
    pub is_watched: AtomicBool,
    is_closed: AtomicBool,
}

#[derive(Default)]
struct KnownBackends {
    /// By the address of what a pooled connection has for itself, which is gone once the connection is.
    pooled: HashMap<usize, (Weak<StatementCache>, Arc<Backend>)>,
    lanes: Vec<Weak<Backend>>,
}

impl Backends {
    /// None yet. `config` and `tls` are for the connection that asks for locks.
    pub(super) fn new(config: Config, tls: Tls) -> Arc<Self> {
        let (known, is_watched, is_closed) =
            (Mutex::default(), AtomicBool::new(false), AtomicBool::new(false));
        Arc::new(Backends { config, tls, known, is_watched, is_closed })
    }

    fn known(&self) -> MutexGuard<'_, KnownBackends> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a new connection of the pool.
    pub(super) fn add_pooled(&self, client: &ClientWrapper, pid: i32) {
        let cache = &client.statement_cache;
        let entry = (Arc::downgrade(cache), Arc::new(Backend::new(pid)));
        let mut known = self.known();
        known.pooled.retain(|_, (alive, _)| alive.strong_count() > 0);
        known.pooled.insert(address(cache), entry);
    }

    /// Adds the connection of a lane.
    pub(super) fn add_lane(&self, pid: i32) -> Arc<Backend> {
        let backend = Arc::new(Backend::new(pid));
        let mut known = self.known();
        known.lanes.retain(|lane| lane.strong_count() > 0);
        known.lanes.push(Arc::downgrade(&backend));
        backend
    }

    /// The process behind a connection of the pool.
    pub(super) fn pooled(&self, client: &ClientWrapper) -> Option<Arc<Backend>> {
        self.known().pooled.get(&address(&client.statement_cache)).map(|(_, backend)| Arc::clone(backend))
    }

    pub(super) fn all(&self) -> Vec<Arc<Backend>> {
        let known = self.known();
        let pooled = known.pooled.values().filter(|(alive, _)| alive.strong_count() > 0);
        let pooled = pooled.map(|(_, backend)| Arc::clone(backend));
        pooled.chain(known.lanes.iter().filter_map(Weak::upgrade)).collect()
    }

    /// Ends the task that asks for locks.
    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }
}

fn address(cache: &Arc<StatementCache>) -> usize {
    Arc::as_ptr(cache).addr()
}
