//! Reads the history's file while the process runs.

use std::fmt;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tenfold_data::{DataError, Database, SystemContext, sql};
use tenfold_observe::telemetry::diagnosis::{SavedMinute, SavedPage};
use tenfold_observe::telemetry::{ArchivedDays, WhyArchive};

use super::{days, page};

/// A page is of ten seconds, and longer only after one that could not be written.
const LONGEST_PAGE_S: i64 = 60;

/// The file, for questions.
pub(super) struct HistoryArchive {
    database: Database,
    /// The minute from which on nothing was written yet.
    written: Arc<AtomicU32>,
}

impl HistoryArchive {
    pub(super) fn new(database: Database, written: Arc<AtomicU32>) -> Self {
        HistoryArchive { database, written }
    }

    /// What `work` reads, or nothing: the task that writes the file says what is wrong with it.
    async fn read<T: Default>(&self, work: impl AsyncFnOnce(SystemContext) -> Result<T, DataError>) -> T {
        self.database.run(None, work).await.unwrap_or_else(|error| {
            tracing::debug!(%error, "the history for `why` cannot be read");
            T::default()
        })
    }

    async fn pages_of(&self, seconds: Range<u32>) -> Vec<SavedPage> {
        let bodies: Vec<(String,)> = self
            .read(async |cx| {
                sql!(
                    "tenfold_why_pages.range",
                    "SELECT body FROM tenfold_why_pages WHERE ends_at > $1 AND ends_at < $2 ORDER BY ends_at"
                )
                .bind(i64::from(seconds.start))
                .bind(i64::from(seconds.end) + LONGEST_PAGE_S)
                .all(&cx)
                .await
            })
            .await;
        let read = move || bodies.iter().filter_map(|(body,)| page::read(body)).collect();
        tokio::task::spawn_blocking(read).await.unwrap_or_default()
    }

    async fn days_of(&self, endpoint: Option<&str>, minutes: Range<u32>) -> ArchivedDays {
        let hours = (i64::from(minutes.start / 60), i64::from(minutes.end / 60));
        let since_us = i64::from(minutes.start) * 60_000_000;
        let written = self.written.load(Ordering::Acquire);
        let rows = self.read(async |cx| days::rows(&cx, endpoint, hours).await).await;
        let changes = self.read(async |cx| days::changes(&cx, since_us).await).await;
        let read = move || {
            let all = rows.into_iter().flat_map(days::read);
            all.filter(|minute| minutes.contains(&minute.minute)).collect::<Vec<SavedMinute>>()
        };
        let minutes = tokio::task::spawn_blocking(read).await.unwrap_or_default();
        ArchivedDays { minutes, written, changes }
    }
}

impl fmt::Debug for HistoryArchive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HistoryArchive")
    }
}

impl WhyArchive for HistoryArchive {
    fn pages(&self, seconds: Range<u32>) -> Pin<Box<dyn Future<Output = Vec<SavedPage>> + Send + '_>> {
        Box::pin(self.pages_of(seconds))
    }

    fn days<'a>(
        &'a self,
        endpoint: Option<&'a str>,
        minutes: Range<u32>,
    ) -> Pin<Box<dyn Future<Output = ArchivedDays> + Send + 'a>> {
        Box::pin(self.days_of(endpoint, minutes))
    }
}
