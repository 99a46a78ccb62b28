//! When a series rose, and whether it rose at all.
//!
//! The most likely split of a series into two levels is where its cumulated deviation from the mean (CUSUM), weighted by
//! the lengths of both parts, is greatest. Welch's t then says whether the levels differ by more than chance; the
//! probability is corrected for the number of splits and series that were tried (Bonferroni). The end of the series
//! is tested once more, so that what is over is not reported. Sentry's detector of regressions works in this way.

use crate::statistics::{Moments, welch};

/// The least number of values after a change, and in the part that is tested again.
const LEAST_AFTER: usize = 5;
/// The least number of values before a change.
const LEAST_BEFORE: usize = 20;
/// How many values before a change it is compared with: older ones belong to another time of day.
const BASELINE: usize = 1_200;
/// The ends of the series that are also looked at alone, so that a long past does not hide what has just begun.
const WINDOWS: [usize; 5] = [usize::MAX, 1_800, 600, 180, 60];
/// The most that may be left to chance.
const SIGNIFICANT: f64 = 0.01;

/// A change of level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChangePoint {
    /// The first value of the new level.
    pub index: usize,
    /// The mean before.
    pub before: f64,
    /// The mean from then on.
    pub after: f64,
    /// The probability that chance alone does this, corrected for all that was tried.
    pub p: f64,
}

/// How strict the search is.
#[derive(Clone, Copy, Debug)]
pub struct OnsetRule {
    /// How many series are looked at together.
    pub series: usize,
    /// The least variance that is believed: what varies less is too regular to be compared.
    pub floor: f64,
}

/// The rise in a series that is least likely by chance and still lasts, if there is one. `is_big` says whether the
/// difference between two means, the earlier first, is big enough to matter.
pub fn rise(values: &[f64], rule: OnsetRule, is_big: impl Fn(f64, f64) -> bool) -> Option<ChangePoint> {
    let mut best: Option<ChangePoint> = None;
    let mut last = usize::MAX;
    for window in WINDOWS {
        let length = window.min(values.len());
        if length == last {
            continue;
        }
        last = length;
        let start = values.len() - length;
        let Some(found) = rise_within(&values[start..], rule, &is_big) else { continue };
        if best.is_none_or(|best| found.p < best.p) {
            best = Some(ChangePoint { index: found.index + start, ..found });
        }
    }
    best
}

fn rise_within(values: &[f64], rule: OnsetRule, is_big: &impl Fn(f64, f64) -> bool) -> Option<ChangePoint> {
    let index = split(values, Direction::Up)?;
    let tried = (rule.series.max(1) * WINDOWS.len()) as f64 * values.len() as f64;
    let baseline = Moments::of(&values[index.saturating_sub(BASELINE)..index]);
    let test = |part: &[f64]| {
        let after = Moments::of(part);
        let p = (welch(baseline, after, rule.floor) * tried).min(1.0);
        (p < SIGNIFICANT && is_big(baseline.mean, after.mean)).then_some((after.mean, p))
    };
    let after = &values[index..];
    let (mean, p) = test(after)?;
    // What began and ended is over. The end alone has fewer values, so it has to be big, and likely enough by itself.
    let tail = &after[after.len() - (after.len() / 3).max(LEAST_AFTER).min(after.len())..];
    let again = Moments::of(tail);
    let lasts = welch(baseline, again, rule.floor) < SIGNIFICANT && is_big(baseline.mean, again.mean);
    lasts.then_some(ChangePoint { index, before: baseline.mean, after: mean, p })
}

enum Direction {
    Up,
    Both,
}

/// The most likely place of a change, if the series is long enough for one.
fn split(values: &[f64], direction: Direction) -> Option<usize> {
    let count = values.len();
    if count < LEAST_BEFORE + LEAST_AFTER {
        return None;
    }
    let mean = values.iter().sum::<f64>() / count as f64;
    let mut cusum = 0.0;
    let mut best = (0.0, None);
    for (index, value) in values.iter().enumerate() {
        if index >= LEAST_BEFORE && index <= count - LEAST_AFTER {
            let weight = (index as f64 * (count - index) as f64).sqrt();
            // Before a rise, values are below the mean of all.
            let strength = match direction {
                Direction::Up => -cusum / weight,
                Direction::Both => f64::abs(cusum) / weight,
            };
            if strength > best.0 {
                best = (strength, Some(index));
            }
        }
        cusum += value - mean;
    }
    best.1
}

/// All changes of level by more than 10 %, up or down, in their order: binary segmentation.
pub fn change_points(values: &[f64]) -> Vec<ChangePoint> {
    let mut found = Vec::new();
    let mut parts = vec![(0, values.len())];
    while let Some((start, end)) = parts.pop() {
        let part = &values[start..end];
        let Some(index) = split(part, Direction::Both) else { continue };
        let (before, after) = (Moments::of(&part[..index]), Moments::of(&part[index..]));
        let p = welch(before, after, f64::MIN_POSITIVE).min(welch(after, before, f64::MIN_POSITIVE));
        let p = (2.0 * p * values.len() as f64).min(1.0);
        let is_big = (after.mean - before.mean).abs() > 0.1 * before.mean.abs();
        if p < SIGNIFICANT && is_big {
            found.push(ChangePoint { index: start + index, before: before.mean, after: after.mean, p });
            parts.extend([(start, start + index), (start + index, end)]);
        }
    }
    found.sort_by_key(|change| change.index);
    found
}
