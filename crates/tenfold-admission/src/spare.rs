//! How many requests may run that give way to others.

use std::time::Duration;

/// A probe of the scheduler that comes later than this shows that no thread was free.
const BUSY: Duration = Duration::from_millis(3);
/// What is left of the room after such a probe,
const SHRINKS_TO: f64 = 0.7;
/// and what each other probe adds.
const GROWS_BY: f64 = 0.25;

/// Room for requests of greedy flows, and of best effort.
///
/// While the threads are busy, more of them at once are not faster, and others wait behind each. So the room shrinks
/// to `spare_floor`, mostly one for each thread, which leaves no thread idle while such requests wait. What waits for a database
/// leaves the threads free, and the room grows.
pub(crate) struct SpareRoom {
    fewest: usize,
    room: f64,
}

impl SpareRoom {
    /// Room for so many at the least.
    pub(crate) fn new(spare_floor: usize) -> Self {
        let fewest = spare_floor.max(1);
        SpareRoom { fewest, room: (2 * fewest) as f64 }
    }

    /// The scheduler's probe came late by this; a quarter of `limit` is the most.
    pub(crate) fn lags(&mut self, lag: Duration, limit: usize) {
        let most = limit.div_ceil(4) as f64;
        let next = if lag > BUSY { self.room * SHRINKS_TO } else { self.room + GROWS_BY };
        self.room = next.min(most).max(self.fewest as f64);
    }

    /// How many of them may run however busy the threads are.
    pub(crate) fn fewest(&self) -> usize {
        self.fewest
    }

    /// How many of them may run.
    pub(crate) fn current(&self) -> usize {
        self.room as usize
    }
}
