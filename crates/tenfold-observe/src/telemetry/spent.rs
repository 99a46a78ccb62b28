//! What a request or job in progress has spent on its parts.

use std::sync::Arc;
use std::time::Duration;

use tenfold_data::DatabaseWaits;
use tenfold_why::{PartKey, PartUse};

/// What work in progress has spent so far, each part once.
#[derive(Clone, Debug, Default)]
pub(super) struct Spent(pub(super) Vec<PartUse>);

/// How many parts of one request or job are told apart.
const PARTS: usize = 64;

impl Spent {
    /// Adds one use of a part, and its waits as parts of their own. One that waited for most of its time has not failed by itself.
    pub(super) fn add_with_waits(&mut self, part: &PartKey, time: PartTime<'_>, failed: bool) {
        let DatabaseWaits { connection, writer, lock, .. } = *time.waits;
        let failed = failed && 2 * time.worked >= time.elapsed;
        if *part == PartKey::PoolWait {
            self.add(part, time.worked + connection, failed);
        } else {
            self.add(part, time.worked, failed);
            if !connection.is_zero() {
                self.add(&PartKey::PoolWait, connection, false);
            }
        }
        if !writer.is_zero() {
            self.add(&PartKey::WriterWait(holder(time.waits, writer)), writer, false);
        }
        if !lock.is_zero() {
            self.add(&PartKey::LockWait(holder(time.waits, lock)), lock, false);
        }
    }

    /// Adds one use of a part.
    pub(super) fn add(&mut self, part: &PartKey, duration: Duration, failed: bool) {
        let known = self.0.iter().position(|used| used.part == *part);
        let index = known.unwrap_or_else(|| {
            let part = if self.0.len() < PARTS { part.clone() } else { PartKey::Other };
            let empty = PartUse { part, times: 0, time_us: 0, failed: 0 };
            if self.0.len() <= PARTS {
                self.0.push(empty);
            }
            self.0.len() - 1
        });
        let used = &mut self.0[index];
        used.times = used.times.saturating_add(1);
        used.time_us = used.time_us.saturating_add(micros(duration));
        used.failed = used.failed.saturating_add(u32::from(failed));
    }
}

/// How long something took.
#[derive(Clone, Copy)]
pub(super) struct PartTime<'a> {
    /// From its beginning to its end.
    pub elapsed: Duration,
    /// Without its waits.
    pub worked: Duration,
    waits: &'a DatabaseWaits,
}

impl<'a> PartTime<'a> {
    pub(super) fn of(elapsed: Duration, waits: &'a DatabaseWaits) -> Self {
        PartTime { elapsed, worked: elapsed.saturating_sub(waits.sum()), waits }
    }
}

impl PartTime<'_> {
    /// Without what reports itself.
    pub(super) fn without(mut self, others: Duration) -> Self {
        self.worked = self.worked.saturating_sub(others);
        self
    }
}

/// A wait as short as this is counted without what was waited for: its name would cost more.
const NAMED_FROM: Duration = Duration::from_millis(5);

fn holder(waits: &DatabaseWaits, wait: Duration) -> Option<Arc<str>> {
    let holder = waits.holder.as_ref().filter(|_| wait >= NAMED_FROM)?;
    Some(Arc::from(holder.to_string()))
}

/// A duration in microseconds.
pub(super) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
