//! What the console reads: figures and kept traces.

use std::sync::Arc;
use std::time::Duration;

use tenfold_data::{Timestamp, TraceId};

use super::calls::CallRow;
use super::rollup::{Series, Summary};
use super::work::{Work, WorkKind};
use super::{StatementRow, Telemetry, WorkRow};

impl Telemetry {
    /// The endpoints or kinds of jobs of the last `minutes`, sorted by total time, the highest first.
    pub fn works(&self, kind: WorkKind, minutes: usize) -> Vec<WorkRow> {
        let all = self.0.works.all();
        let of_kind = all.iter().filter(|series| series.key.kind == kind);
        rows(of_kind, self.now(), minutes, |key, summary| WorkRow { name: key.name.clone(), summary })
    }

    /// The statements of the last `minutes`, sorted by total time, the highest first.
    pub fn statements(&self, minutes: usize) -> Vec<StatementRow> {
        let all = self.0.statements.all();
        rows(all.iter(), self.now(), minutes, |key, summary| StatementRow {
            statement: Arc::clone(key),
            summary,
        })
    }

    /// The calls between modules of the last `minutes`, by method and calling line, sorted by total time, the highest first.
    pub fn calls(&self, minutes: usize) -> Vec<CallRow> {
        self.0.calls.rows(self.now(), minutes)
    }

    /// The requests of the last `minutes`, one summary a minute, the oldest first.
    pub fn requests_by_minute(&self, minutes: usize) -> Vec<Summary> {
        self.0.requests.each(self.now(), minutes)
    }

    /// How many requests were refused in each of the last `minutes`, the oldest first. They are in no other figure.
    pub fn refused_by_minute(&self, minutes: usize) -> Vec<u64> {
        self.0.why.refused_by_minute(self.now(), minutes)
    }

    /// All kept pieces of a trace, in the order of their start; none when it is not kept.
    pub fn trace(&self, trace: TraceId) -> Vec<Arc<Work>> {
        self.store().trace(trace)
    }

    /// Kept pieces of work that pass `filter`, the slowest first.
    pub fn slowest(&self, limit: usize, filter: impl Fn(&Work) -> bool) -> Vec<Arc<Work>> {
        let mut works = self.kept(filter);
        works.sort_by_key(|work| std::cmp::Reverse(work.duration));
        works.truncate(limit);
        works
    }

    /// Kept pieces of work that pass `filter`, the newest first.
    pub fn newest(&self, limit: usize, filter: impl Fn(&Work) -> bool) -> Vec<Arc<Work>> {
        let mut works = self.kept(filter);
        works.sort_by_key(|work| std::cmp::Reverse(work.beginning.at));
        works.truncate(limit);
        works
    }

    fn kept(&self, filter: impl Fn(&Work) -> bool) -> Vec<Arc<Work>> {
        self.store().all().filter(|work| filter(work)).cloned().collect()
    }
}

fn rows<'a, K: 'a, R>(
    series: impl Iterator<Item = &'a Arc<Series<K>>>,
    now: Timestamp,
    minutes: usize,
    row: impl Fn(&K, Summary) -> R,
) -> Vec<R> {
    let mut rows: Vec<(Duration, R)> = series
        .map(|series| (&series.key, series.minutes.sum(now, minutes)))
        .filter(|(_, summary)| summary.count > 0)
        .map(|(key, summary)| (summary.total, row(key, summary)))
        .collect();
    rows.sort_by_key(|(total, _)| std::cmp::Reverse(*total));
    rows.into_iter().map(|(_, row)| row).collect()
}
