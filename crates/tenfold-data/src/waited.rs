//! What a statement, or the beginning or end of a transaction, waits for before the database works on it.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::ownership::OrgId;
use crate::statement::CallSite;

/// Waits for others. Each is a part of the time of the statement or boundary that reports it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DatabaseWaits {
    /// For a connection of the pool, or until one is opened; on SQLite, for a thread that reads.
    pub connection: Duration,
    /// For SQLite's one writer, while another transaction of this process has it.
    pub writer: Duration,
    /// For a lock: on PostgreSQL of a row, a table or an advisory lock; on SQLite of the file, while another process writes. On
    /// PostgreSQL it is sampled ten times a second: shorter waits are not seen, and longer ones are up to a fifth of a second too short.
    pub lock: Duration,
    /// What had the writer or the lock, if that is known.
    pub holder: Option<LockHolder>,
}

impl DatabaseWaits {
    /// All of them together.
    pub fn sum(&self) -> Duration {
        self.connection + self.writer + self.lock
    }

    /// One wait.
    pub(crate) fn of(kind: WaitKind, took: Duration, holder: Option<LockHolder>) -> Self {
        let mut waits = DatabaseWaits { holder, ..DatabaseWaits::default() };
        *match kind {
            WaitKind::Connection => &mut waits.connection,
            WaitKind::Writer => &mut waits.writer,
            WaitKind::Lock => &mut waits.lock,
        } = took;
        waits
    }

    /// Adds later ones.
    pub(crate) fn add(&mut self, later: DatabaseWaits) {
        self.connection += later.connection;
        self.writer += later.writer;
        self.lock += later.lock;
        self.holder = later.holder.or_else(|| self.holder.take());
    }
}

/// What others wait for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockHolder {
    /// A transaction of this process, by the line that opened it.
    Transaction(CallSite),
    /// Something else, in words without values: a session of another program, another process.
    Other(Arc<str>),
}

impl fmt::Display for LockHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LockHolder::Transaction(site) => write!(f, "the transaction at {}:{}", site.file(), site.line()),
            LockHolder::Other(words) => f.write_str(words),
        }
    }
}

/// Something that a statement waits for, or may wait for.
pub(crate) trait WaitSource: Send {
    /// What was waited for since it began.
    fn so_far(&self) -> DatabaseWaits;
}

/// Receives the waits while a driver works. Without any the clock is not read.
#[derive(Default)]
pub(crate) struct WaitMeter {
    /// The line that opens a transaction. What waits for it is told this line.
    site: Option<CallSite>,
    is_beside_transaction: bool,
    state: Mutex<MeterState>,
}

#[derive(Default)]
struct MeterState {
    /// Waits that are over.
    over: Option<Box<DatabaseWaits>>,
    open: Option<Box<dyn WaitSource>>,
}

/// How long a connection has waited for locks, as far as that was seen.
#[derive(Default)]
pub(crate) struct LockCounter {
    micros: AtomicU64,
    holder: Mutex<Option<LockHolder>>,
}

impl LockCounter {
    /// Adds a wait that was seen.
    pub(crate) fn add(&self, took: Duration, holder: LockHolder) {
        *self.holder.lock().unwrap_or_else(PoisonError::into_inner) = Some(holder);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.micros.fetch_add(micros, Ordering::Release);
    }

    /// Tells `meter` what is added until the result is dropped.
    pub(crate) fn report_to<'a>(self: &Arc<Self>, meter: &'a WaitMeter) -> OpenWait<'a> {
        let before = self.micros.load(Ordering::Relaxed);
        meter.open(CountedLocks { counter: Arc::clone(self), before })
    }
}

/// A statement that may wait for locks.
struct CountedLocks {
    counter: Arc<LockCounter>,
    before: u64,
}

impl WaitSource for CountedLocks {
    fn so_far(&self) -> DatabaseWaits {
        let waited = self.counter.micros.load(Ordering::Acquire).saturating_sub(self.before);
        if waited == 0 {
            return DatabaseWaits::default();
        }
        let holder = self.counter.holder.lock().unwrap_or_else(PoisonError::into_inner).clone();
        DatabaseWaits::of(WaitKind::Lock, Duration::from_micros(waited), holder)
    }
}

/// What is waited for.
#[derive(Clone, Copy)]
pub(crate) enum WaitKind {
    Connection,
    Writer,
    Lock,
}

/// A wait since a moment.
pub(crate) struct PlainWait {
    pub kind: WaitKind,
    pub holder: Option<LockHolder>,
    pub began: Instant,
}

impl WaitSource for PlainWait {
    fn so_far(&self) -> DatabaseWaits {
        DatabaseWaits::of(self.kind, self.began.elapsed(), self.holder.clone())
    }
}

impl WaitMeter {
    /// For a transaction that is opened at this line.
    pub(crate) fn opening(site: CallSite) -> Self {
        WaitMeter { site: Some(site), ..WaitMeter::default() }
    }

    /// For a load beside the open transaction of the same request or job: while it waits, so do those that wait for what the transaction holds.
    pub(crate) fn beside_transaction() -> Self {
        WaitMeter { is_beside_transaction: true, ..WaitMeter::default() }
    }

    /// Whose connection it takes, if it runs for this organization: nobody's beside a transaction.
    pub(crate) fn connection_owner(&self, org: Option<OrgId>) -> Option<OrgId> {
        org.filter(|_| !self.is_beside_transaction)
    }

    /// The line that opens the transaction.
    pub(crate) fn site(&self) -> Option<CallSite> {
        self.site
    }

    fn state(&self) -> MutexGuard<'_, MeterState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A wait begins. It ends when the result is dropped, also together with the future that waits. One is open at a time.
    pub(crate) fn open<'a>(&'a self, source: impl WaitSource + 'static) -> OpenWait<'a> {
        self.state().open = Some(Box::new(source));
        OpenWait { meter: self }
    }

    /// The same for one that begins just now.
    pub(crate) fn begin(&self, kind: WaitKind, holder: Option<LockHolder>) -> OpenWait<'_> {
        self.open(PlainWait { kind, holder, began: Instant::now() })
    }

    /// All that was waited for so far.
    pub(crate) fn waits(&self) -> DatabaseWaits {
        let state = self.state();
        let mut waits = state.over.as_deref().cloned().unwrap_or_default();
        if let Some(open) = &state.open {
            waits.add(open.so_far());
        }
        waits
    }
}

/// A wait that goes on.
pub(crate) struct OpenWait<'a> {
    meter: &'a WaitMeter,
}

impl Drop for OpenWait<'_> {
    fn drop(&mut self) {
        let mut state = self.meter.state();
        let waited = state.open.take().map(|open| open.so_far()).unwrap_or_default();
        if !waited.sum().is_zero() {
            state.over.get_or_insert_default().add(waited);
        }
    }
}
