//! Organizations that suddenly send more requests.

use std::ops::Range;

use crate::changes::{ChangeKind, LedgerChange};
use crate::hyphenated::hyphenated;
use crate::journal::Journal;
use crate::onset::{OnsetRule, rise};

/// How many times as many requests are a surge.
const LEAST_RATIO: f64 = 3.0;
/// How many requests a second more are a surge at least.
const LEAST_RATE: f64 = 1.0;
/// How far back surges are looked for, in seconds.
const REACH_S: u32 = 1_800;

/// The surges that last at the end of a range of seconds.
pub(crate) fn surges(journal: &Journal, range: &Range<u32>) -> Vec<LedgerChange> {
    let first = range.start.max(range.end.saturating_sub(REACH_S));
    let rule = OnsetRule { series: journal.organizations.len(), floor: 0.01 };
    let mut found = Vec::new();
    for (organization, seconds) in &journal.organizations {
        // Seconds without a request count too.
        let mut counts = vec![0.0; (range.end - first) as usize];
        for cell in seconds.between(first, range.end) {
            counts[(cell.second - first) as usize] = f64::from(cell.count);
        }
        let is_surge = |before: f64, after: f64| after > LEAST_RATIO * before && after - before > LEAST_RATE;
        let Some(surge) = rise(&counts, rule, is_surge) else { continue };
        let what = format!(
            "requests of the organization {} rose from {:.1} to {:.1} a second",
            hyphenated(*organization),
            surge.before,
            surge.after
        );
        let at_us = i64::from(first + surge.index as u32) * 1_000_000;
        let surge = LedgerChange::new(ChangeKind::Surge, what, at_us);
        found.push(LedgerChange { organization: Some(*organization), ..surge });
    }
    found.sort_by_key(|surge| (surge.at_us, surge.organization));
    found
}
