//! Times in which an endpoint was worse than it is now.
//!
//! After an outage an endpoint is often a little slower than before: lists grow, caches are cold. That is enough for an incident that lasts,
//! and its mean since the onset would be that of the outage. So what began and ended is left out, and the rest is looked at again.

use std::ops::Range;

use crate::onset::{ChangeDirection, SIGNIFICANT, baseline_of, end_of, split};
use crate::statistics::{Moments, welch};

/// A level is over if what is left of the rise is a smaller share of it than this.
const LEFT: f64 = 0.5;
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
    let length = split(since, ChangeDirection::Down)?;
    let (then, now) = (Moments::of(&since[..length]), Moments::of(&since[length..]));
    let is_over = |now: f64, then: f64| now - before < LEFT * (then - before);
    if !is_over(now.mean, then.mean) {
        return None;
    }
    let is_certain = length >= LEAST_IN_PEAK && welch(now, then, floor) < SIGNIFICANT;
    let is_peak =
        is_certain || is_over(Moments::of(&since[end_of(0..since.len())]).mean, Moments::of(since).mean);
    is_peak.then_some(onset..onset + length)
}

/// A peak anywhere in these values that is over, and is more than chance.
pub(crate) fn ended_peak(values: &[f64], floor: f64) -> Option<Range<usize>> {
    let onset = split(values, ChangeDirection::Up)?;
    let peak = past_peak(values, onset, floor)?;
    let (before, then) = (Moments::of(&values[baseline_of(onset)]), Moments::of(&values[peak.clone()]));
    (welch(before, then, floor) * (values.len() as f64) < SIGNIFICANT).then_some(peak)
}
