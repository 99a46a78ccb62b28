//! One series: a cell for each second in which something happened.

use std::collections::VecDeque;
use std::ops::Range;

/// How far back a series reaches, in seconds.
pub const REACH: u32 = 7_200;

/// By how much the clock may be set back so that what comes then counts into the newest second. After more, what was recorded of the
/// future is forgotten: it would hide the present until the clock is there again.
const SLACK_S: u32 = 60;

/// The second of a moment in microseconds, both since 1970.
pub(crate) fn second_of(at_us: i64) -> u32 {
    u32::try_from(at_us.div_euclid(1_000_000)).unwrap_or(0)
}

/// What happened in one second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SecondCell {
    /// The second, since 1970.
    pub second: u32,
    /// How often.
    pub count: u32,
    /// How often it failed.
    pub errors: u32,
    /// How often it took much longer than usual.
    pub slow: u32,
    /// The durations' sum, in milliseconds.
    pub sum_ms: f32,
    /// The sum of the natural logarithms of the durations in milliseconds.
    pub sum_log: f32,
}

/// The seconds of one series, the oldest first.
#[derive(Clone, Debug, Default)]
pub struct Seconds(VecDeque<SecondCell>);

impl Seconds {
    /// Counts into a second. If the clock was set back, the newest second counts, or is forgotten if it is more than a minute ahead. `most`
    /// cells are kept.
    pub fn record(&mut self, second: u32, times: u32, errors: u32, ms: f64, most: usize) {
        if self.0.back().is_some_and(|newest| newest.second > second.saturating_add(SLACK_S)) {
            let end = self.0.partition_point(|known| known.second <= second);
            self.0.truncate(end);
        }
        if self.0.back().is_none_or(|newest| newest.second < second) {
            while self.0.len() >= most.max(1)
                || self.0.front().is_some_and(|oldest| second - oldest.second >= REACH)
            {
                self.0.pop_front();
            }
            self.0.push_back(SecondCell { second, ..SecondCell::default() });
        }
        if let Some(cell) = self.0.back_mut() {
            cell.count = cell.count.saturating_add(times);
            cell.errors = cell.errors.saturating_add(errors);
            cell.sum_ms += ms as f32;
            cell.sum_log += ms.max(0.001).ln() as f32;
        }
    }

    /// Counts what was recorded last as much slower than usual.
    pub(crate) fn was_slow(&mut self) {
        if let Some(cell) = self.0.back_mut() {
            cell.slow = cell.slow.saturating_add(1);
        }
    }

    /// Adds a cell of before, wherever its second is. Returns the newest second for which there was no room.
    pub(crate) fn restore(&mut self, cell: SecondCell, most: usize) -> Option<u32> {
        let place = self.0.partition_point(|known| known.second < cell.second);
        match self.0.get_mut(place).filter(|known| known.second == cell.second) {
            Some(known) => {
                known.count = known.count.saturating_add(cell.count);
                known.errors = known.errors.saturating_add(cell.errors);
                known.slow = known.slow.saturating_add(cell.slow);
                known.sum_ms += cell.sum_ms;
                known.sum_log += cell.sum_log;
            }
            None => self.0.insert(place, cell),
        }
        let mut dropped = None;
        while self.0.len() > most.max(1) {
            dropped = self.0.pop_front().map(|cell| cell.second);
        }
        dropped
    }

    /// Its cells from `first` to before `end`.
    pub fn between(&self, first: u32, end: u32) -> impl Iterator<Item = &SecondCell> {
        let start = self.0.partition_point(|cell| cell.second < first);
        self.0.range(start..).take_while(move |cell| cell.second < end)
    }

    /// How often it happened in these seconds, and how often it failed.
    pub(crate) fn totals(&self, seconds: &Range<u32>) -> (f64, f64) {
        self.between(seconds.start, seconds.end)
            .fold((0.0, 0.0), |sum, cell| (sum.0 + f64::from(cell.count), sum.1 + f64::from(cell.errors)))
    }

    /// Whether what happened since that second may be forgotten in part, because `most` cells are kept.
    pub(crate) fn has_forgotten(&self, since: u32, most: usize) -> bool {
        self.0.len() >= most.max(1) && self.0.front().is_some_and(|oldest| oldest.second > since)
    }

    /// Whether all that it has is so old at that second that it is forgotten.
    pub(crate) fn ended_before(&self, second: u32) -> bool {
        self.0.back().is_none_or(|newest| newest.second.saturating_add(REACH) <= second)
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
