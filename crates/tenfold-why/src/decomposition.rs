//! The exact split of a change of duration.
//!
//! A request's duration is the sum over its parts of count × time, and its own code is the rest. So the change of the
//! mean duration is the sum of the changes of the parts, without any estimate: more calls are an N+1, longer calls a
//! slow statement.

use std::collections::BTreeMap;

use crate::event::PartKey;

/// What the requests of a period spent.
#[derive(Clone, Debug, Default)]
pub struct Spending {
    /// How many requests.
    pub requests: f64,
    /// Their durations in sum, in milliseconds.
    pub ms: f64,
    /// Their parts.
    pub parts: BTreeMap<PartKey, PartSpending>,
}

/// What the requests of a period spent on one part.
#[derive(Clone, Copy, Debug, Default)]
pub struct PartSpending {
    /// How often it was done.
    pub times: f64,
    /// How long in sum, in milliseconds.
    pub ms: f64,
    /// How often it failed.
    pub failed: f64,
}

/// How a part changed, each for a mean request.
#[derive(Clone, Debug, PartialEq)]
pub struct PartChange {
    /// The part.
    pub part: PartKey,
    /// How much longer a request takes because of it, in milliseconds.
    pub added_ms: f64,
    /// How much of that is because it is done more often.
    pub by_count_ms: f64,
    /// How often it was done, before and now.
    pub times: (f64, f64),
    /// How long one took, before and now, in milliseconds.
    pub each_ms: (f64, f64),
    /// How often it failed, before and now.
    pub failed: (f64, f64),
}

impl PartChange {
    /// How many times as often it is done; if it was not done at all, how often it is.
    pub fn more_often(&self) -> f64 {
        ratio(self.times.0, self.times.1)
    }

    /// How many times as long one takes; 1 if it was not done before.
    pub fn slower(&self) -> f64 {
        if self.each_ms.0 > 0.0 && self.times.0 > 0.0 { self.each_ms.1 / self.each_ms.0 } else { 1.0 }
    }

    /// Which share of the times failed, 0 to 1, before and now.
    pub fn failed_shares(&self) -> (f64, f64) {
        let share = |failed: f64, times: f64| if times > 0.0 { failed / times } else { 0.0 };
        (share(self.failed.0, self.times.0), share(self.failed.1, self.times.1))
    }
}

fn ratio(before: f64, now: f64) -> f64 {
    if before > 0.0 { now / before } else { now }
}

/// The change of each part from one period to the next, the greatest first. The sum of `added_ms` is the change of the
/// mean duration.
pub fn decompose(before: &Spending, now: &Spending) -> Vec<PartChange> {
    let (requests_before, requests_now) = (before.requests.max(1.0), now.requests.max(1.0));
    let keys = before.parts.keys().chain(now.parts.keys().filter(|part| !before.parts.contains_key(part)));
    let mut changes: Vec<PartChange> = keys
        .map(|part| {
            let was = before.parts.get(part).copied().unwrap_or_default();
            let is = now.parts.get(part).copied().unwrap_or_default();
            part_change(part, (was, requests_before), (is, requests_now))
        })
        .collect();
    join_waits(&mut changes, |part| matches!(part, PartKey::WriterWait(_)));
    join_waits(&mut changes, |part| matches!(part, PartKey::LockWait(_)));
    let known = |spending: &Spending| spending.parts.values().map(|part| part.ms).sum::<f64>();
    let own_before = (before.ms - known(before)) / requests_before;
    let own_now = (now.ms - known(now)) / requests_now;
    changes.push(PartChange {
        part: PartKey::OwnCode,
        added_ms: own_now - own_before,
        by_count_ms: 0.0,
        times: (1.0, 1.0),
        each_ms: (own_before, own_now),
        failed: (0.0, 0.0),
    });
    changes.sort_by(|a, b| b.added_ms.total_cmp(&a.added_ms));
    changes
}

/// Makes one part of the waits for the same thing, whatever had it. It is named after what explains half of it or more, as far as it
/// is known what had it.
fn join_waits(changes: &mut Vec<PartChange>, is_one: impl Fn(&PartKey) -> bool) {
    let waits: Vec<PartChange> = changes.extract_if(.., |change| is_one(&change.part)).collect();
    let Some(main) = waits.iter().max_by(|a, b| {
        let known = |change: &PartChange| (change.part.holder().is_some(), change.added_ms);
        let (a, b) = (known(a), known(b));
        a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
    }) else {
        return;
    };
    let sum = |of: fn(&PartChange) -> f64| waits.iter().map(of).sum::<f64>();
    let (added_ms, times) = (sum(|wait| wait.added_ms), (sum(|wait| wait.times.0), sum(|wait| wait.times.1)));
    let named = main.part.holder().is_some() && main.added_ms >= 0.5 * added_ms;
    let part = if named { None } else { main.part.unnamed() }.unwrap_or_else(|| main.part.clone());
    let each = |ms: f64, times: f64| if times > 0.0 { ms / times } else { 0.0 };
    changes.push(PartChange {
        part,
        added_ms,
        by_count_ms: sum(|wait| wait.by_count_ms),
        times,
        each_ms: (
            each(sum(|wait| wait.times.0 * wait.each_ms.0), times.0),
            each(sum(|wait| wait.times.1 * wait.each_ms.1), times.1),
        ),
        failed: (sum(|wait| wait.failed.0), sum(|wait| wait.failed.1)),
    });
}

fn part_change(part: &PartKey, before: (PartSpending, f64), now: (PartSpending, f64)) -> PartChange {
    let times = (before.0.times / before.1, now.0.times / now.1);
    let each = |spending: PartSpending| if spending.times > 0.0 { spending.ms / spending.times } else { 0.0 };
    let each_ms = (each(before.0), each(now.0));
    let added_ms = now.0.ms / now.1 - before.0.ms / before.1;
    let time_of_one = if before.0.times > 0.0 { each_ms.0 } else { each_ms.1 };
    PartChange {
        part: part.clone(),
        added_ms,
        by_count_ms: (times.1 - times.0) * time_of_one,
        times,
        each_ms,
        failed: (before.0.failed / before.1, now.0.failed / now.1),
    }
}
