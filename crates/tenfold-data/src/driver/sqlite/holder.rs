//! What holds SQLite's writer, for the transactions that wait for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::statement::CallSite;
use crate::waited::{DatabaseWaits, LockHolder, OpenWait, WaitKind, WaitMeter, WaitSource};

/// The transaction that has the writer, or had it last.
#[derive(Clone, Default)]
pub(super) struct WriterHolder(Arc<Mutex<HeldWriter>>);

#[derive(Default)]
struct HeldWriter {
    /// The line that opened it; `None` for COMMIT.
    site: Option<CallSite>,
    /// How long transactions that had the writer have waited for another process.
    outside: Duration,
    /// Since when one of them does now.
    outside_since: Option<Instant>,
}

impl HeldWriter {
    fn outside(&self) -> Duration {
        self.outside + self.outside_since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

impl WriterHolder {
    fn held(&self) -> MutexGuard<'_, HeldWriter> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The writer is now that of the transaction that this line opened.
    pub(super) fn set(&self, site: Option<CallSite>) {
        self.held().site = site;
    }

    /// The transaction that has the writer waits for another process until the result is dropped. `meter` is its own.
    pub(super) fn waits_outside<'a>(&'a self, meter: &'a WaitMeter) -> OutsideWait<'a> {
        self.held().outside_since = Some(Instant::now());
        OutsideWait { holder: self, _wait: meter.begin(WaitKind::Lock, Some(another_process())) }
    }

    /// Somebody waits for the writer until the result is dropped.
    pub(super) fn begin_wait<'a>(&self, meter: &'a WaitMeter) -> OpenWait<'a> {
        let (site, outside_before) = {
            let held = self.held();
            (held.site, held.outside())
        };
        meter.open(WriterWait { holder: self.clone(), began: Instant::now(), site, outside_before })
    }
}

fn another_process() -> LockHolder {
    LockHolder::Other("another process that writes to the file".into())
}

/// A wait for another process that has the lock of the file.
pub(super) struct OutsideWait<'a> {
    holder: &'a WriterHolder,
    _wait: OpenWait<'a>,
}

impl Drop for OutsideWait<'_> {
    fn drop(&mut self) {
        let mut held = self.holder.held();
        held.outside = held.outside();
        held.outside_since = None;
    }
}

/// A wait for the writer. While the transaction that has it waits for another process, those behind it wait for that process as well.
struct WriterWait {
    holder: WriterHolder,
    began: Instant,
    site: Option<CallSite>,
    outside_before: Duration,
}

impl WaitSource for WriterWait {
    fn so_far(&self) -> DatabaseWaits {
        let outside = self.holder.held().outside().saturating_sub(self.outside_before);
        let own = self.began.elapsed().saturating_sub(outside);
        let mut waits = DatabaseWaits::of(WaitKind::Writer, own, self.site.map(LockHolder::Transaction));
        if !outside.is_zero() {
            waits.add(DatabaseWaits::of(WaitKind::Lock, outside, Some(another_process())));
        }
        waits
    }
}
