//! When a series rose, and whether it rose at all.
//!
//! The most likely split of a series into two levels is where its cumulated deviation from the mean (CUSUM), weighted by
//! the lengths of both parts, is greatest. Welch's t then says whether the levels differ by more than chance; the
//! probability is corrected for the number of splits and series that were tried (Bonferroni). The end of the series
//! is tested once more, so that what is over is not reported. Sentry's detector of regressions works in this way.

use std::ops::Range;

use crate::statistics::{Moments, poisson_head, poisson_tail, welch};

/// The least number of values after a change, and in the part that is tested again.
pub(crate) const LEAST_AFTER: usize = 5;
/// The least number of values before a change, unless it is a fall.
const LEAST_BEFORE: usize = 20;
/// How many values before a change it is compared with: older ones belong to another time of day.
const BASELINE: usize = 1_200;
/// The ends of the series that are also looked at alone, so that a long past does not hide what has just begun.
const WINDOWS: [usize; 5] = [usize::MAX, 1_800, 600, 180, 60];
/// The most that may be left to chance.
pub(crate) const SIGNIFICANT: f64 = 0.01;
/// The most that may be left to chance where the end alone has too few to tell.
const CERTAIN: f64 = 1e-5;

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
    let test = |index: usize, part: Range<usize>| {
        let (baseline, now) = (Moments::of(&values[baseline_of(index)]), Moments::of(&values[part]));
        let p = welch(baseline, now, rule.floor);
        is_big(baseline.mean, now.mean).then_some(ChangePoint {
            index,
            before: baseline.mean,
            after: now.mean,
            p,
        })
    };
    // The end alone has fewer values, so it need not be corrected.
    let lasts = |found: ChangePoint, tail| test(found.index, tail).is_some_and(|again| again.p < SIGNIFICANT);
    likeliest(values, rule, test, lasts)
}

/// How many times as many as before are still chance: failures come in groups.
pub(crate) const DISPERSION: f64 = 2.0;

/// The rise in a share, such as that of failures, that is least likely by chance and still lasts. `some` and `all` are counts
/// for each second; no second of `all` is 0. Failures are rare and few, so they are compared as counts (Poisson) in place of
/// means.
pub fn rise_of_share(
    some: &[f64],
    all: &[f64],
    rule: OnsetRule,
    is_big: impl Fn(f64, f64) -> bool,
) -> Option<ChangePoint> {
    let shares: Vec<f64> = some.iter().zip(all).map(|(some, all)| some / all).collect();
    let sum = |values: &[f64]| values.iter().sum::<f64>();
    let test = |index: usize, part: Range<usize>| {
        let baseline = baseline_of(index);
        let (some_before, before) = (sum(&some[baseline.clone()]), sum(&all[baseline]));
        let (some_now, now) = (sum(&some[part.clone()]), sum(&all[part]));
        // One more than was seen: that none was seen does not mean that none happens.
        let expected = DISPERSION * (some_before + 1.0) / before * now;
        let p = poisson_tail(expected, some_now);
        let (before, after) = (some_before / before, some_now / now);
        is_big(before, after).then_some(ChangePoint { index, before, after, p })
    };
    // It lasts while the end, too, has more than there were before. Of a few, some may be missing by chance: so one that is certain also lasts
    // unless the end has far fewer than there have been since the onset.
    let lasts = |found: ChangePoint, tail: Range<usize>| {
        let index = found.index;
        let expected = sum(&some[index..]) / sum(&all[index..]) * sum(&all[tail.clone()]);
        test(index, tail.clone()).is_some_and(|again| again.p < SIGNIFICANT)
            || found.p < CERTAIN && poisson_head(expected, sum(&some[tail])) > SIGNIFICANT
    };
    likeliest(&shares, rule, test, lasts)
}

/// What a change is compared with.
pub(crate) fn baseline_of(index: usize) -> Range<usize> {
    index.saturating_sub(BASELINE)..index
}

/// The last third of what followed a change, which says whether it lasts.
pub(crate) fn end_of(since: Range<usize>) -> Range<usize> {
    let length = (since.len() / 3).max(LEAST_AFTER).min(since.len());
    since.end - length..since.end
}

/// Looks for a rise in the whole series and in its ends. `test` compares a part with what was before an index; `lasts` says of a
/// rise and of the end of the series whether it is still there.
fn likeliest(
    values: &[f64],
    rule: OnsetRule,
    test: impl Fn(usize, Range<usize>) -> Option<ChangePoint>,
    lasts: impl Fn(ChangePoint, Range<usize>) -> bool,
) -> Option<ChangePoint> {
    let mut best: Option<ChangePoint> = None;
    let mut last = usize::MAX;
    for window in WINDOWS {
        let length = window.min(values.len());
        if length == last {
            continue;
        }
        last = length;
        let start = values.len() - length;
        let Some(index) = split(&values[start..], ChangeDirection::Up).map(|index| index + start) else {
            continue;
        };
        let tried = (rule.series.max(1) * WINDOWS.len()) as f64 * length as f64;
        let found = test(index, index..values.len());
        let found = found.map(|found| ChangePoint { p: (found.p * tried).min(1.0), ..found });
        let Some(found) = found.filter(|found| found.p < SIGNIFICANT) else { continue };
        // What began and ended is over.
        if lasts(found, end_of(index..values.len())) && best.is_none_or(|best| found.p < best.p) {
            best = Some(found);
        }
    }
    best
}

#[derive(Clone, Copy)]
pub(crate) enum ChangeDirection {
    Up,
    /// A peak may be as short as one value, so a single one before it is enough.
    Down,
    Both,
}

/// The most likely place of a change, if the series is long enough for one.
pub(crate) fn split(values: &[f64], direction: ChangeDirection) -> Option<usize> {
    let count = values.len();
    let least_before = match direction {
        ChangeDirection::Up | ChangeDirection::Both => LEAST_BEFORE,
        ChangeDirection::Down => 1,
    };
    if count < least_before + LEAST_AFTER {
        return None;
    }
    let mean = values.iter().sum::<f64>() / count as f64;
    let mut cusum = 0.0;
    let mut best = (0.0, None);
    for (index, value) in values.iter().enumerate() {
        if index >= least_before && index <= count - LEAST_AFTER {
            let weight = (index as f64 * (count - index) as f64).sqrt();
            // Before a rise, values are below the mean of all.
            let strength = match direction {
                ChangeDirection::Up => -cusum / weight,
                ChangeDirection::Down => cusum / weight,
                ChangeDirection::Both => f64::abs(cusum) / weight,
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
        let Some(index) = split(part, ChangeDirection::Both) else { continue };
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
