//! What a statement, or the beginning or end of a transaction, waits for before the database works on it.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

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

/// Receives the waits while a driver works. Without any it costs nothing: the clock is read only by what waits.
#[derive(Default)]
pub(crate) struct WaitMeter {
    /// The line that opens a transaction. What waits for it is told this line.
    site: Option<CallSite>,
    waits: Mutex<Option<Box<DatabaseWaits>>>,
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
    pub(crate) fn told_to<'a>(&'a self, meter: &'a WaitMeter) -> CountedLocks<'a> {
        CountedLocks { counter: self, meter, before: self.micros.load(Ordering::Relaxed) }
    }
}

/// A statement that may wait for locks.
pub(crate) struct CountedLocks<'a> {
    counter: &'a LockCounter,
    meter: &'a WaitMeter,
    before: u64,
}

impl Drop for CountedLocks<'_> {
    fn drop(&mut self) {
        let waited = self.counter.micros.load(Ordering::Acquire).saturating_sub(self.before);
        if waited > 0 {
            let holder = self.counter.holder.lock().unwrap_or_else(PoisonError::into_inner).clone();
            self.meter.add(WaitKind::Lock, Duration::from_micros(waited), holder);
        }
    }
}

/// What is waited for.
#[derive(Clone, Copy)]
pub(crate) enum WaitKind {
    Connection,
    Writer,
    Lock,
}

impl WaitMeter {
    /// For a transaction that is opened at this line.
    pub(crate) fn opening(site: CallSite) -> Self {
        WaitMeter { site: Some(site), waits: Mutex::default() }
    }

    /// The line that opens the transaction.
    pub(crate) fn site(&self) -> Option<CallSite> {
        self.site
    }

    /// A wait begins. It ends when the result is dropped, also together with the future that waits.
    pub(crate) fn begin(&self, kind: WaitKind, holder: Option<LockHolder>) -> OpenWait<'_> {
        OpenWait { meter: self, kind, holder, began: Instant::now() }
    }

    /// Adds a wait that is over.
    pub(crate) fn add(&self, kind: WaitKind, took: Duration, holder: Option<LockHolder>) {
        let mut waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = waits.get_or_insert_default();
        let sum = match kind {
            WaitKind::Connection => &mut waits.connection,
            WaitKind::Writer => &mut waits.writer,
            WaitKind::Lock => &mut waits.lock,
        };
        *sum += took;
        waits.holder = holder.or_else(|| waits.holder.take());
    }

    /// Takes all that was waited for.
    pub(crate) fn take_waits(&mut self) -> DatabaseWaits {
        let waits = self.waits.get_mut().unwrap_or_else(PoisonError::into_inner);
        waits.take().map_or_else(DatabaseWaits::default, |waits| *waits)
    }
}

/// A wait that goes on.
pub(crate) struct OpenWait<'a> {
    meter: &'a WaitMeter,
    kind: WaitKind,
    holder: Option<LockHolder>,
    began: Instant,
}

impl Drop for OpenWait<'_> {
    fn drop(&mut self) {
        self.meter.add(self.kind, self.began.elapsed(), self.holder.take());
    }
}
