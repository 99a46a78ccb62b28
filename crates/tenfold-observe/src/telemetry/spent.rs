//! What a request or job in progress has spent on its parts.

use std::time::Duration;

use tenfold_why::{PartKey, PartUse};

/// What work in progress has spent so far, each part once.
#[derive(Debug, Default)]
pub(super) struct Spent(pub(super) Vec<PartUse>);

/// How many parts of one request or job are told apart.
const PARTS: usize = 64;

impl Spent {
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

/// A duration in microseconds.
pub(super) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
