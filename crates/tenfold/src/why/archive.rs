//! Reads the history's file while the process runs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::future::BoxFuture;
use tenfold_data::{DataError, Database, SystemContext, sql};
use tenfold_observe::telemetry::diagnosis::{
    DAY_S, Diagnosis, LedgerChange, SavedMinute, SavedPage, SavedSeries, SecondCell, diagnose_minutes,
};
use tenfold_observe::telemetry::{ArchivedDays, ArchivedSums, EndpointSums, WhyArchive};
use tokio::sync::Mutex as TurnLock;

use super::future::{end_minute, end_us, latest};
use super::{days, noted, page};

/// How many seconds a page is of at most. It is of ten, unless one before it could not be written.
pub(super) const LONGEST_PAGE_S: u32 = 60;
/// How many minutes of all endpoints a question about a day adds up at most, 24 bytes each.
const MOST_MINUTES: usize = 1_000_000;

/// The file, for questions.
pub(super) struct HistoryArchive {
    database: Database,
    /// The minute from which on nothing was written yet.
    written: Arc<AtomicU32>,
    /// The last answer by minutes, and the second until which it is. One such question after the other.
    coarse: TurnLock<Option<(u32, Diagnosis)>>,
}

impl HistoryArchive {
    pub(super) fn new(database: Database, written: Arc<AtomicU32>) -> Self {
        HistoryArchive { database, written, coarse: TurnLock::default() }
    }

    /// What `work` reads. `None` is an error, which is logged.
    async fn read<T>(&self, work: impl AsyncFnOnce(SystemContext) -> Result<T, DataError>) -> Option<T> {
        let read = self.database.run(None, work).await;
        read.inspect_err(|error| tracing::warn!(%error, "the history for `why` cannot be read")).ok()
    }

    async fn pages_of(&self, seconds: Range<u32>) -> Vec<SavedPage> {
        let bodies: Vec<(String,)> = self
            .read(async |cx| {
                sql!(
                    "tenfold_why_pages.range",
                    "SELECT body FROM tenfold_why_pages WHERE ends_at > $1 AND ends_at < $2 AND ends_at <= $3 ORDER BY ends_at"
                )
                .bind(i64::from(seconds.start))
                .bind(i64::from(seconds.end) + i64::from(LONGEST_PAGE_S))
                .bind(latest(self.database.clock()))
                .all(&cx)
                .await
            })
            .await
            .unwrap_or_default();
        let count = bodies.len();
        let read = move || bodies.iter().filter_map(|(body,)| page::read(body).ok()).collect();
        let mut pages: Vec<SavedPage> = tokio::task::spawn_blocking(read).await.unwrap_or_default();
        if pages.len() < count {
            let unread = count - pages.len();
            tracing::warn!(
                unread,
                "pages of the history for `why` are of a newer build, or damaged, and were not read"
            );
        }
        if !pages.is_empty() {
            // A process that ended before its first page has noted its start and its settings all the same.
            let times = i64::from(seconds.start) * 1_000_000..i64::from(seconds.end) * 1_000_000;
            pages.push(SavedPage { changes: self.changes_of(times).await, ..SavedPage::default() });
        }
        pages
    }

    async fn days_of(&self, endpoint: &str, minutes: Range<u32>) -> ArchivedDays {
        let hours = (i64::from(minutes.start / 60), i64::from(minutes.end / 60));
        let minutes = minutes.start..minutes.end.min(end_minute(latest(self.database.clock())));
        let written = self.written.load(Ordering::Acquire);
        let rows = self.read(async |cx| days::rows(&cx, endpoint, hours).await).await.unwrap_or_default();
        let changes = self.changes_since(minutes.start).await;
        let read = move || {
            let all = rows.into_iter().flat_map(days::read);
            all.filter(|minute| minutes.contains(&minute.minute)).collect::<Vec<SavedMinute>>()
        };
        let minutes = tokio::task::spawn_blocking(read).await.unwrap_or_default();
        ArchivedDays { minutes, written, changes }
    }

    async fn changes_since(&self, minute: u32) -> Vec<LedgerChange> {
        self.changes_of(i64::from(minute) * 60_000_000..i64::MAX).await
    }

    /// The changes of these microseconds since 1970, without those of the future.
    async fn changes_of(&self, times: Range<i64>) -> Vec<LedgerChange> {
        let times = times.start..times.end.min(end_us(latest(self.database.clock())));
        self.read(async |cx| noted::read(&cx, times).await).await.unwrap_or_default()
    }

    /// The minutes of each hour are read once, and added up before the next hour is read.
    async fn sums_of(&self, mut ranges: Vec<Range<u32>>) -> Option<ArchivedSums> {
        let written = self.written.load(Ordering::Acquire);
        let end = written.min(end_minute(latest(self.database.clock())));
        ranges.iter_mut().for_each(|range| range.end = range.end.min(end));
        let with_minutes = ranges.iter().filter(|range| !range.is_empty());
        let hours: BTreeSet<u32> =
            with_minutes.flat_map(|range| range.start / 60..=(range.end - 1) / 60).collect();
        let mut sums = vec![EndpointSums::new(); ranges.len()];
        for hour in hours {
            let rows = self.read(async |cx| days::hour(&cx, i64::from(hour)).await).await?;
            let ranges = ranges.clone();
            let add = move || {
                for saved in rows.into_iter().flat_map(days::read) {
                    for (range, sums) in ranges.iter().zip(&mut sums) {
                        if range.contains(&saved.minute) {
                            sums.entry(saved.endpoint.clone()).or_default().merge(&saved.cell);
                        }
                    }
                }
                sums
            };
            sums = tokio::task::spawn_blocking(add).await.ok()?;
        }
        Some(ArchivedSums { sums, written })
    }

    async fn coarse_of(&self, until: u32, older: u32) -> Option<Diagnosis> {
        let mut last = self.coarse.lock().await;
        if let Some((at, answer)) = &*last
            && (until.saturating_sub(older)..=until).contains(at)
        {
            return Some(answer.clone());
        }
        let series = self.day_of(until.saturating_sub(DAY_S) / 60..until / 60).await?;
        let answer = move || diagnose_minutes(series, i64::from(until) * 1_000_000);
        let answer = tokio::task::spawn_blocking(answer).await.ok()?;
        *last = Some((until, answer.clone()));
        Some(answer)
    }

    /// The sums of the minutes of all endpoints, read hour by hour: there is never more than an hour of texts and histograms in memory.
    async fn day_of(&self, minutes: Range<u32>) -> Option<Vec<SavedSeries>> {
        let mut day: BTreeMap<String, Vec<SecondCell>> = BTreeMap::new();
        let mut count = 0;
        for hour in minutes.start / 60..=minutes.end / 60 {
            let rows = self.read(async |cx| days::hour(&cx, i64::from(hour)).await).await?;
            let range = minutes.clone();
            let read = move || {
                let sums = rows.into_iter().map(|row| (row.1.clone(), days::sums(row, &range)));
                sums.collect::<Vec<_>>()
            };
            for (endpoint, cells) in tokio::task::spawn_blocking(read).await.ok()? {
                count += cells.len();
                day.entry(endpoint).or_default().extend(cells);
            }
            if count > MOST_MINUTES {
                tracing::warn!(
                    "a day of the history for `why` has more than {MOST_MINUTES} minutes of endpoints"
                );
                return None;
            }
        }
        Some(day.into_iter().map(|(endpoint, cells)| SavedSeries { endpoint, part: None, cells }).collect())
    }
}

impl fmt::Debug for HistoryArchive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HistoryArchive")
    }
}

impl WhyArchive for HistoryArchive {
    fn pages(&self, seconds: Range<u32>) -> BoxFuture<'_, Vec<SavedPage>> {
        Box::pin(self.pages_of(seconds))
    }

    fn days<'a>(&'a self, endpoint: &'a str, minutes: Range<u32>) -> BoxFuture<'a, ArchivedDays> {
        Box::pin(self.days_of(endpoint, minutes))
    }

    fn changes(&self, since: u32) -> BoxFuture<'_, Vec<LedgerChange>> {
        Box::pin(self.changes_since(since))
    }

    fn sums(&self, ranges: Vec<Range<u32>>) -> BoxFuture<'_, Option<ArchivedSums>> {
        Box::pin(self.sums_of(ranges))
    }

    fn coarse(&self, until: u32, older: u32) -> BoxFuture<'_, Option<Diagnosis>> {
        Box::pin(self.coarse_of(until, older))
    }
}
