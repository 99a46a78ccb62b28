//! The sum of what is held for all clients, its bound, and who is cut when it is reached.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tenfold_admission::Flow;
use tenfold_observe::metrics::BufferFigures;
use tokio::time::Instant;

use super::client::{BufferClient, BufferClients};
use super::connection::ConnectionBuffers;

/// The connections are searched for stalled ones this often at most while there are none, in microseconds.
const SEARCH_EVERY: u64 = 50_000;

/// The bounds, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BufferLimits {
    /// `http.buffer_limit`.
    pub all: usize,
    /// `http.connection_buffer_limit`.
    pub connection: usize,
}

/// What the process holds in memory for its clients.
pub struct BufferBudget {
    limits: BufferLimits,
    /// Without what connections hold that were cut: that is as good as gone.
    held: AtomicUsize,
    refused: AtomicU64,
    cut: AtomicU64,
    shed: AtomicU64,
    began: Instant,
    /// When a search last found no stalled connection.
    in_vain: AtomicU64,
    open: Mutex<HashMap<u64, Arc<ConnectionBuffers>>>,
    next: AtomicU64,
    clients: Arc<BufferClients>,
}

impl BufferBudget {
    /// One that holds nothing.
    pub(crate) fn new(limits: BufferLimits) -> Arc<Self> {
        Arc::new(BufferBudget {
            limits,
            held: AtomicUsize::new(0),
            refused: AtomicU64::new(0),
            cut: AtomicU64::new(0),
            shed: AtomicU64::new(0),
            began: Instant::now(),
            in_vain: AtomicU64::new(0),
            open: Mutex::default(),
            next: AtomicU64::new(0),
            clients: Arc::default(),
        })
    }

    /// The account of a connection, until [`ConnectionBuffers::close`].
    pub(in super::super) fn open(self: &Arc<Self>) -> Arc<ConnectionBuffers> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let connection = Arc::new(ConnectionBuffers::new(Arc::clone(self), number));
        self.connections().insert(number, Arc::clone(&connection));
        connection
    }

    /// The account of a client.
    pub(super) fn client(&self, flow: Flow) -> Arc<BufferClient> {
        self.clients.of(flow)
    }

    pub(super) fn close(&self, number: u64) {
        self.connections().remove(&number);
    }

    /// What it holds and has done.
    pub(crate) fn figures(&self) -> BufferFigures {
        BufferFigures {
            held: self.held() as u64,
            limit: self.limits.all as u64,
            refused: self.refused.load(Ordering::Relaxed),
            cut: self.cut.load(Ordering::Relaxed),
            connections: self.connections().len() as u64,
            shed: self.shed.load(Ordering::Relaxed),
        }
    }

    /// Counts a connection that is closed because its network has too many of them.
    pub(in super::super) fn count_shed(&self) {
        self.shed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn limits(&self) -> BufferLimits {
        self.limits
    }

    /// Microseconds since some start.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    pub(super) fn adds(&self, bytes: usize) {
        self.held.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn gives_back(&self, bytes: usize) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(super) fn refuses(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether so many bytes more stay within `limit`, if need be because others are cut.
    pub(super) fn has_room(&self, bytes: usize, limit: usize) -> bool {
        let fits = || self.held() + bytes <= limit;
        fits() || {
            // A search looks at all connections, so it should not be needed again soon.
            self.cut_stalled(&self.in_vain, |_| true, |_| self.held() <= self.limits.all / 2);
            fits()
        }
    }

    /// Whether a client may hold more, if need be because some of its own connections are cut.
    ///
    /// What its answers take is at most as much as is free, so one that takes none of its answers leaves half of the budget to
    /// others, and n of them leave the (n+1)th part. The idea is that of dynamic thresholds in switches with shared memory
    /// (Choudhury and Hahne, 1998).
    pub(super) fn has_share(&self, client: &BufferClient) -> bool {
        let fits = || self.held() + client.held() <= self.limits.all;
        fits() || {
            let is_its_own = |connection: &ConnectionBuffers| connection.serves(client);
            let is_enough =
                |cut: usize| self.held() + 2 * client.held().saturating_sub(cut) <= self.limits.all;
            self.cut_stalled(&client.in_vain, is_its_own, is_enough);
            fits()
        }
    }

    /// Cuts connections that stand still, if `may_go`, until `is_enough` of so many bytes that were cut. Those that have held the
    /// most bytes for the longest time go first.
    fn cut_stalled(
        &self,
        in_vain: &AtomicU64,
        may_go: impl Fn(&ConnectionBuffers) -> bool,
        is_enough: impl Fn(usize) -> bool,
    ) {
        let now = self.now();
        if now < in_vain.load(Ordering::Relaxed) + SEARCH_EVERY {
            return;
        }
        let stalled = |connection: &Arc<ConnectionBuffers>| {
            let stalled = connection.stalled_byte_time(now).filter(|_| may_go(connection))?;
            Some((Reverse(stalled), Arc::clone(connection)))
        };
        let mut stalled: Vec<_> = self.connections().values().filter_map(stalled).collect();
        if stalled.is_empty() {
            in_vain.store(now, Ordering::Relaxed);
            return;
        }
        stalled.sort_unstable_by_key(|(byte_time, _)| *byte_time);
        let mut bytes = 0;
        for (_, connection) in stalled {
            if is_enough(bytes) {
                break;
            }
            // Since the search it may have given everything back.
            if let Some(held) = connection.cut() {
                bytes += held;
                self.cut.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    fn connections(&self) -> MutexGuard<'_, HashMap<u64, Arc<ConnectionBuffers>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for BufferBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufferBudget").field("held", &self.held()).finish_non_exhaustive()
    }
}

#[cfg(test)]
impl BufferBudget {
    /// A budget with one connection, for tests.
    pub(super) fn with_connection() -> (Arc<Self>, Arc<ConnectionBuffers>) {
        let budget = BufferBudget::new(BufferLimits { all: 48 << 20, connection: 4 << 20 });
        let connection = budget.open();
        (budget, connection)
    }
}
