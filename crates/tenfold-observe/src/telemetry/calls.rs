//! The calls between modules, per minute: by method and by the line that calls.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tenfold_data::{CallRecord, CallSite, Outcome, Timestamp};

use super::rollup::{MINUTES, Rollups, Series, Summary, minute_of};

/// The figures of the calls of one method from one line.
#[derive(Clone, Debug)]
pub struct CallRow {
    /// The module that is called; empty for calls that found no room among those that are told apart.
    pub module: &'static str,
    /// The method of its interface.
    pub method: &'static str,
    /// The calling line.
    pub site: Option<CallSite>,
    /// How often, how long, and how often it failed.
    pub summary: Summary,
    /// The statements that their requests and jobs sent while they ran.
    pub statements: u64,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Calls(Rollups<CallKey>);

#[derive(Debug)]
struct CallKey {
    module: &'static str,
    method: &'static str,
    site: Option<CallSite>,
    statements: CountedMinutes,
}

/// A count for each minute, the newest last.
#[derive(Debug, Default)]
struct CountedMinutes(Mutex<VecDeque<(i64, u64)>>);

impl Default for Calls {
    fn default() -> Self {
        let statements = CountedMinutes::default();
        Calls(Rollups::new(CallKey { module: "", method: "other", site: None, statements }))
    }
}

impl Calls {
    /// Counts a call.
    pub(super) fn record(&self, record: &CallRecord, now: Timestamp) {
        let CallRecord { module, method, site, .. } = *record;
        let series = self.0.find(
            (module, method, site.file(), site.line(), site.column()),
            |key| key.module == module && key.method == method && key.site == Some(site),
            || CallKey { module, method, site: Some(site), statements: CountedMinutes::default() },
        );
        series.minutes.record(now, record.elapsed, record.outcome == Outcome::Failed);
        if record.statements > 0 {
            series.key.statements.add(now, record.statements);
        }
    }

    /// Those of the last `minutes`, by total time, the longest first.
    pub(super) fn rows(&self, now: Timestamp, minutes: usize) -> Vec<CallRow> {
        let row = |series: &Arc<Series<CallKey>>| {
            let CallKey { module, method, site, statements } = &series.key;
            let summary = series.minutes.sum(now, minutes);
            CallRow { module, method, site: *site, summary, statements: statements.sum(now, minutes) }
        };
        let mut rows: Vec<_> = self.0.all().iter().map(row).filter(|row| row.summary.count > 0).collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.summary.total));
        rows
    }
}

impl CountedMinutes {
    fn add(&self, now: Timestamp, count: u64) {
        let minute = minute_of(now);
        let mut minutes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match minutes.back_mut() {
            // If the clock was set back, it counts into the newest minute.
            Some((newest, counted)) if *newest >= minute => *counted += count,
            _ => minutes.push_back((minute, count)),
        }
        while minutes.len() > MINUTES {
            minutes.pop_front();
        }
    }

    fn sum(&self, now: Timestamp, span: usize) -> u64 {
        let first = minute_of(now) - i64::try_from(span).unwrap_or(i64::MAX) + 1;
        let minutes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        minutes.iter().filter(|(minute, _)| *minute >= first).map(|(_, count)| count).sum()
    }
}
