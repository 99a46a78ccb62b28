//! Two times of an endpoint, compared: what got worse from one to the other, and what got better.
//!
//! It is what [`diagnose`](crate::diagnose) calls worse, with the moment given: a mean duration that rose by more than 10 % and 1 ms, a share
//! of failures that more than doubled and rose by more than 2 %, and neither by chance.

use std::ops::Range;

use crate::incident::{FAILED_MS, LEAST_MS, LEAST_RATIO, LEAST_SHARE};
use crate::journal::Journal;
use crate::minute_cell::MinuteCell;
use crate::onset::{DISPERSION, SIGNIFICANT};
use crate::saved::SavedSeries;
use crate::seconds::SecondCell;
use crate::statistics::{Moments, poisson_tail, welch};

/// Of fewer requests than this, or of fewer values of their durations, nothing is said.
const LEAST: f64 = 5.0;
/// The least variance of logarithms that is believed.
const FLOOR: f64 = 0.0025;
/// In how many ways two times are compared: durations and failures, each up and down.
const WAYS: f64 = 4.0;

/// What the requests of an endpoint, or the jobs of a kind, did in some time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ComparedTime {
    count: f64,
    errors: f64,
    sum_ms: f64,
    /// Of the logarithms of durations.
    logarithms: Moments,
}

/// Where a figure went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trend {
    /// It got worse.
    Worse,
    /// It is the same, or differs by what may be chance.
    Alike,
    /// It got better.
    Better,
}

/// What a comparison says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimeComparison {
    /// Of the durations.
    pub durations: Trend,
    /// Of the share that failed.
    pub failures: Trend,
    /// How much it matters, in milliseconds: what all requests of the later time took longer. One more that failed counts as a second.
    pub weight: f64,
}

impl ComparedTime {
    /// By its seconds. Each of them is one value of the durations.
    pub fn of_seconds(cells: &[SecondCell]) -> Self {
        let sum = |value: fn(&SecondCell) -> f64| cells.iter().map(value).sum();
        let busy = cells.iter().filter(|cell| cell.count > 0);
        let logarithms: Vec<f64> = busy.map(|cell| f64::from(cell.sum_log) / f64::from(cell.count)).collect();
        ComparedTime {
            count: sum(|cell| f64::from(cell.count)),
            errors: sum(|cell| f64::from(cell.errors)),
            sum_ms: sum(|cell| f64::from(cell.sum_ms)),
            logarithms: Moments::of(&logarithms),
        }
    }

    /// By the sum of its minutes. Each request is one value of the durations.
    pub fn of_minutes(sum: &MinuteCell) -> Self {
        ComparedTime {
            count: sum.count() as f64,
            errors: f64::from(sum.errors),
            sum_ms: sum.sum_us as f64 / 1_000.0,
            logarithms: sum.durations.logarithms(),
        }
    }

    /// How many requests or jobs ended.
    pub fn count(&self) -> u64 {
        self.count as u64
    }

    /// How many of them failed.
    pub fn errors(&self) -> u64 {
        self.errors as u64
    }

    /// The mean duration, in milliseconds; 0 if there was none.
    pub fn mean_ms(&self) -> f64 {
        self.sum_ms / self.count.max(1.0)
    }

    /// The share that failed, 0 to 1.
    pub fn error_share(&self) -> f64 {
        self.errors / self.count.max(1.0)
    }

    fn is_enough(&self) -> bool {
        self.count >= LEAST && self.logarithms.count >= LEAST
    }
}

/// What got worse or better from `before` to `after`, of an endpoint that is one of so many that are compared: the more there are, the more
/// differ by chance. `None` if there are too few requests to say.
pub fn compare(before: &ComparedTime, after: &ComparedTime, endpoints: usize) -> Option<TimeComparison> {
    if !before.is_enough() || !after.is_enough() {
        return None;
    }
    let most = SIGNIFICANT / (endpoints.max(1) as f64 * WAYS);
    let failures = trend(before, after, |one, other| fails_more(one, other, most));
    let durations = match trend(before, after, |one, other| is_slower(one, other, most)) {
        // What fails at once is no improvement.
        Trend::Better if failures == Trend::Worse => Trend::Alike,
        trend => trend,
    };
    let added_ms = after.mean_ms() - before.mean_ms();
    let weight = after.count * (added_ms + FAILED_MS * (after.error_share() - before.error_share()));
    Some(TimeComparison { durations, failures, weight })
}

fn trend(
    before: &ComparedTime,
    after: &ComparedTime,
    is_worse: impl Fn(&ComparedTime, &ComparedTime) -> bool,
) -> Trend {
    if is_worse(before, after) {
        Trend::Worse
    } else if is_worse(after, before) {
        Trend::Better
    } else {
        Trend::Alike
    }
}

fn is_slower(one: &ComparedTime, other: &ComparedTime, most: f64) -> bool {
    let (one_ms, other_ms) = (one.mean_ms(), other.mean_ms());
    let is_big = other_ms > LEAST_RATIO * one_ms && other_ms - one_ms > LEAST_MS;
    is_big && welch(one.logarithms, other.logarithms, FLOOR) < most
}

fn fails_more(one: &ComparedTime, other: &ComparedTime, most: f64) -> bool {
    let (one_share, other_share) = (one.error_share(), other.error_share());
    let is_big = other_share > 2.0 * one_share && other_share - one_share > LEAST_SHARE;
    // One more than was seen: that none was seen does not mean that none happens.
    let expected = DISPERSION * (one.errors + 1.0) / one.count * other.count;
    is_big && poisson_tail(expected, other.errors) < most
}

impl Journal {
    /// The seconds of each endpoint and kind of job from the first to before the last of a range, counted since 1970. `None` if some of them
    /// are forgotten, or found no room when they were restored.
    pub fn endpoint_seconds(&self, seconds: Range<u32>) -> Option<Vec<SavedSeries>> {
        let most = self.most_seconds();
        let is_forgotten =
            self.endpoints.iter().any(|known| known.seconds.has_forgotten(seconds.start, most));
        if is_forgotten || self.dropped().is_some_and(|dropped| dropped >= seconds.start) {
            return None;
        }
        let series = self.endpoints.iter().map(|known| SavedSeries {
            endpoint: known.name.clone(),
            part: None,
            cells: known.seconds.between(seconds.start, seconds.end).copied().collect(),
        });
        Some(series.filter(|series| !series.cells.is_empty()).collect())
    }
}
