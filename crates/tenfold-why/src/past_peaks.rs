//! Times in which an endpoint was worse than it is now.
//!
//! After an outage an endpoint is often a little slower than before: lists grow, caches are cold. That is enough for an incident that lasts,
//! and its mean since the onset would be that of the outage. So what began and ended is left out, and the rest is looked at again.

use std::ops::Range;

use crate::onset::{ChangeDirection, SIGNIFICANT, baseline_of, split};
use crate::statistics::{Moments, welch};

/// A level is over if what is left of the rise is a smaller share of it than this.
const LEFT: f64 = 0.5;
/// The least number of values after a peak.
const LEAST_AFTER: usize = 5;
/// The least number of values in a peak that is told from chance by its values alone.
const LEAST_IN_PEAK: usize = 5;
/// How many peaks of an endpoint are left out.
const MOST: usize = 8;

/// The seconds of the peaks.
#[derive(Clone, Debug, Default)]
pub(crate) struct PastPeaks(Vec<Range<u32>>);

impl PastPeaks {
    /// Whether there are so many that no further one is looked for.
    pub(crate) fn is_full(&self) -> bool {
        self.0.len() >= MOST
    }

    pub(crate) fn add(&mut self, peak: Range<u32>) {
        self.0.push(peak);
    }

    /// Whether a second belongs to a peak.
    pub(crate) fn has(&self, second: u32) -> bool {
        self.0.iter().any(|peak| peak.contains(&second))
    }

    /// How many seconds of a time belong to none.
    pub(crate) fn left_of(&self, time: Range<u32>) -> u32 {
        let within = |peak: &Range<u32>| peak.end.min(time.end).saturating_sub(peak.start.max(time.start));
        (time.end - time.start).saturating_sub(self.0.iter().map(within).sum())
    }

    /// When it began to be worse, if it is at `onset` with the peaks left out and was as before at `fine`, the last second before it.
    pub(crate) fn began(&self, fine: u32, onset: u32) -> u32 {
        let between = self.0.iter().map(|peak| peak.start).filter(|start| (fine..onset).contains(start));
        between.min().unwrap_or(onset)
    }
}

/// The peak with which a rise at `onset` began, if it is over. `floor` is the least variance that is believed.
pub(crate) fn past_peak(values: &[f64], onset: usize, floor: f64) -> Option<Range<usize>> {
    let (before, since) = (Moments::of(&values[baseline_of(onset)]).mean, &values[onset..]);
    let length = fall(since)?;
    let (then, now) = (Moments::of(&since[..length]), Moments::of(&since[length..]));
    let is_over = |now: f64, then: f64| now - before < LEFT * (then - before);
    if !is_over(now.mean, then.mean) {
        return None;
    }
    let tail = &since[since.len() - (since.len() / 3).max(LEAST_AFTER)..];
    let is_certain = length >= LEAST_IN_PEAK && welch(now, then, floor) < SIGNIFICANT;
    let is_peak = is_certain || is_over(Moments::of(tail).mean, Moments::of(since).mean);
    is_peak.then_some(onset..onset + length)
}

/// A peak anywhere in these values that is over, and is more than chance.
pub(crate) fn ended_peak(values: &[f64], floor: f64) -> Option<Range<usize>> {
    let onset = split(values, ChangeDirection::Up)?;
    let peak = past_peak(values, onset, floor)?;
    let (before, then) = (Moments::of(&values[baseline_of(onset)]), Moments::of(&values[peak.clone()]));
    (welch(before, then, floor) * (values.len() as f64) < SIGNIFICANT).then_some(peak)
}

/// Where values fall most, as [`onset`](crate::onset) finds where they rise.
fn fall(values: &[f64]) -> Option<usize> {
    let count = values.len();
    let mean = Moments::of(values).mean;
    let mut sum = 0.0;
    let mut best = (0.0, None);
    for (index, value) in values.iter().enumerate().take(count.saturating_sub(LEAST_AFTER)) {
        sum += value - mean;
        let length = index + 1;
        let strength = sum / (length as f64 * (count - length) as f64).sqrt();
        if strength > best.0 {
            best = (strength, Some(length));
        }
    }
    best.1
}
