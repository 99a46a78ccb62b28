//! Minutes: what charts of days show, and how an incident is found that began long ago.

use std::ops::Range;

use crate::answer::{Diagnosis, DiagnosisState};
use crate::diagnosis::diagnose_within;
use crate::journal::Journal;
use crate::minute_cell::SavedMinute;
use crate::saved::{SavedPage, SavedSeries};
use crate::seconds::{SecondCell, second_of};

/// A day, in seconds.
pub const DAY_S: u32 = 86_400;
/// How long before an onset seconds are compared with those since, in seconds: more than the baseline, which is twenty minutes.
const BEFORE_S: u32 = 1_320;
/// For how long since the onset, and at the end, seconds are looked at.
const AROUND_S: u32 = 600;

impl Journal {
    /// What this process has recorded itself in the minutes of a range, counted since 1970; of all endpoints, or of one. A range that ends
    /// before it begins has none.
    pub fn minutes(&self, name: Option<&str>, minutes: Range<u32>) -> Vec<SavedMinute> {
        if minutes.is_empty() {
            return Vec::new();
        }
        let endpoints =
            self.endpoints.iter().filter(|endpoint| name.is_none_or(|name| endpoint.name == name));
        let of = |endpoint: &crate::journal::JournalEndpoint| {
            let range = endpoint.minutes.range(minutes.clone());
            let saved = range.map(|(minute, cell)| SavedMinute {
                endpoint: endpoint.name.clone(),
                minute: *minute,
                cell: cell.clone(),
            });
            saved.collect::<Vec<_>>()
        };
        endpoints.flat_map(of).collect()
    }
}

impl SavedMinute {
    /// Its sums as if it were one second, for a question about a day: 24 bytes instead of 1 KiB.
    pub fn sums(&self) -> SecondCell {
        SecondCell {
            second: self.minute.saturating_mul(60),
            count: u32::try_from(self.cell.count()).unwrap_or(u32::MAX),
            errors: self.cell.errors,
            slow: 0,
            sum_ms: self.cell.sum_us as f32 / 1_000.0,
            sum_log: self.cell.durations.sum_of_logarithms() as f32,
        }
    }
}

/// What is wrong in the day before `until_us`, to the minute: endpoints only, since minutes have no statements. Each cell of a series is the
/// [sums](SavedMinute::sums) of a minute.
pub fn diagnose_minutes(series: Vec<SavedSeries>, until_us: i64) -> Diagnosis {
    let journal = Journal::of([SavedPage { series, ..SavedPage::default() }]);
    diagnose_within(&journal, None, until_us, DAY_S)
}

/// Which seconds are needed to confirm an incident of [`diagnose_minutes`]: those around its onset, and the last ones.
pub fn seconds_of(answer: &Diagnosis, until_us: i64) -> Option<[Range<u32>; 2]> {
    let onset = second_of(answer.since_us?);
    let end = second_of(until_us).saturating_add(1);
    let begun = onset.saturating_sub(BEFORE_S)..onset.saturating_add(AROUND_S).min(end);
    let last = end.saturating_sub(AROUND_S).max(begun.end)..end;
    Some([begun, last])
}

/// The incident that began long ago and still lasts, by the seconds of [`seconds_of`].
///
/// `None` unless it began abruptly: what becomes slower from the morning to the noon is no incident, and looks like one by its minutes.
pub fn diagnose_long(coarse: &Diagnosis, pages: Vec<SavedPage>, until_us: i64) -> Option<Diagnosis> {
    let answer = diagnose_within(&Journal::of(pages), None, until_us, DAY_S);
    let latest_us = coarse.since_us? + i64::from(AROUND_S / 2) * 1_000_000;
    let is_it = answer.state != DiagnosisState::NoIncident && answer.since_us? <= latest_us;
    is_it.then_some(answer)
}
