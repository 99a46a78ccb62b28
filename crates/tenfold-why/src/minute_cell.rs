//! A minute of an endpoint.

use crate::histogram::LogHistogram;

/// What the requests or jobs of one endpoint did in one minute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MinuteCell {
    /// How many failed.
    pub errors: u32,
    /// The durations' sum, in microseconds.
    pub sum_us: u64,
    /// The durations.
    pub durations: LogHistogram,
}

/// A minute of one endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedMinute {
    /// A request's method and route, or a job's kind.
    pub endpoint: String,
    /// The minute, since 1970.
    pub minute: u32,
    /// What happened.
    pub cell: MinuteCell,
}

impl MinuteCell {
    pub(crate) fn record(&mut self, duration_us: u64, failed: bool) {
        self.errors = self.errors.saturating_add(u32::from(failed));
        self.sum_us = self.sum_us.saturating_add(duration_us);
        self.durations.record(duration_us);
    }

    /// Adds another one.
    pub fn merge(&mut self, other: &MinuteCell) {
        self.errors = self.errors.saturating_add(other.errors);
        self.sum_us = self.sum_us.saturating_add(other.sum_us);
        self.durations.merge(&other.durations);
    }

    /// How many ended.
    pub fn count(&self) -> u64 {
        self.durations.count()
    }
}
