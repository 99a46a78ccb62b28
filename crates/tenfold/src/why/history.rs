//! A file beside the process, so that a restart forgets nothing: a page for every ten seconds.
//!
//! It is an SQLite file of its own, also on PostgreSQL: an outage of the application's database blinds nobody. A task
//! writes it. Whatever happens to the file, the application goes on, and the console says that it is not kept.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use tenfold_data::{
    Clock, DataError, Database, DatabaseSettings, SystemContext, SystemTx, Timestamp, Uuid, sql,
};
use tenfold_observe::telemetry::Telemetry;
use tenfold_observe::telemetry::diagnosis::LedgerChange;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::archive::{HistoryArchive, LONGEST_PAGE_S};
use super::days::{self, DayBounds};
use super::future::{ClockRun, forget_future, latest};
use super::lock::HistoryLock;
use super::opening::{HistoryOpening, MOST_PAGES, OpenHistory, REACH, ReadBack, complain};
use super::settings::SettingPrints;
use super::{noted, page};

/// How often a page is written.
const EVERY: Duration = Duration::from_secs(10);
/// How long minutes are kept: fourteen days.
const DAYS: Duration = Duration::from_secs(14 * 86_400);
/// How long the last page may take when the process stops.
const PATIENCE: Duration = Duration::from_secs(2);

/// `why.history` and its bounds.
#[derive(Clone, Debug)]
pub(crate) struct HistorySettings {
    /// The file.
    pub file: String,
    /// How long all pages together may be, in bytes.
    pub bytes: u64,
    /// The bounds of what is kept for fourteen days.
    pub days: DayBounds,
}

/// The file of a process, while it runs.
pub(crate) struct History {
    stop: Arc<Notify>,
    task: JoinHandle<()>,
}

impl History {
    /// Reads what the process before wrote, and begins to write; once it has ended, if it still runs. An error is logged and shown in the console.
    ///
    /// `prints` are the settings, to be compared with those of the process before; `began` is when this process did.
    pub(crate) async fn begin(
        history: &HistorySettings,
        settings: &DatabaseSettings,
        prints: SettingPrints,
        (clock, began): (Clock, Timestamp),
        telemetry: Telemetry,
    ) -> Option<Self> {
        // Nothing was restored yet, so these are of this process.
        let (started, settings) = (telemetry.changes(), settings.clone());
        let opening =
            HistoryOpening { file: history.file.clone(), settings, prints, clock, telemetry, started };
        let opened = match opening.try_open(ReadBack::All).await {
            Ok(opened) => opened,
            Err(error) => {
                complain(&opening.telemetry, &history.file, &error);
                return None;
            }
        };
        let began = u32::try_from(began.as_second()).unwrap_or(0);
        let (history, telemetry) = (history.clone(), opening.telemetry.clone());
        let writer = opened.map(|open| HistoryWriter::new(open, telemetry.clone(), history.clone()));
        let stop = Arc::new(Notify::new());
        let stopped = Arc::clone(&stop);
        #[expect(
            clippy::disallowed_methods,
            reason = "it runs as long as the process and is a part of no request"
        )]
        let task = tokio::spawn(async move {
            let writer = match writer {
                Some(writer) => writer,
                None => match opening.wait(began, &stopped).await {
                    Some(open) => HistoryWriter::new(open, telemetry, history),
                    None => return,
                },
            };
            writer.run(began, stopped).await;
        });
        Some(History { stop, task })
    }

    /// Ends as if the process was killed: without a last page.
    pub(crate) async fn kill(self) {
        self.task.abort();
        // It was cancelled, as intended.
        let _ = self.task.await;
    }

    /// Writes the last page.
    pub(crate) async fn end(self) {
        self.stop.notify_one();
        if tokio::time::timeout(PATIENCE, self.task).await.is_err() {
            tracing::warn!("the last page of the history for `why` was not written in time");
        }
    }
}

struct HistoryWriter {
    database: Database,
    #[expect(dead_code, reason = "the file is this process's as long as it is held")]
    lock: HistoryLock,
    telemetry: Telemetry,
    /// The minute from which on nothing was written yet.
    written: Arc<AtomicU32>,
    history: HistorySettings,
    clock: ClockRun,
}

/// From where on nothing was written yet.
#[derive(Clone, Copy)]
struct WrittenUntil {
    second: u32,
    minute: u32,
    /// The hour of the last look for what is too old or too much.
    tidied: Option<u32>,
}

/// A page and the changes in it, as they are written.
struct PageRow {
    id: Uuid,
    ends_at: u32,
    body: String,
    changes: Vec<LedgerChange>,
}

impl HistoryWriter {
    /// From here on questions read the file, too.
    fn new(
        OpenHistory { database, lock }: OpenHistory,
        telemetry: Telemetry,
        history: HistorySettings,
    ) -> Self {
        let written = Arc::new(AtomicU32::new(0));
        telemetry.set_archive(Arc::new(HistoryArchive::new(database.clone(), Arc::clone(&written))));
        let clock = ClockRun::new(database.clock().clone());
        HistoryWriter { database, lock, telemetry, written, history, clock }
    }

    /// `began` is when the process did, in seconds since 1970: what came before this task is written, too.
    async fn run(mut self, began: u32, stop: Arc<Notify>) {
        let mut from = WrittenUntil { second: began, minute: began / 60, tidied: None };
        self.written.store(from.minute, Ordering::Release);
        let mut is_last = false;
        while !is_last {
            is_last = tokio::time::timeout(EVERY, stop.notified()).await.is_ok();
            self.clock.look();
            // The current second is not over, unless the process is. So is the current minute: the next process adds to it.
            let now = self.second();
            let until = now + u32::from(is_last);
            let until = WrittenUntil {
                second: until,
                minute: until / 60 + u32::from(is_last),
                tidied: Some(until / 3_600),
            };
            // If the clock was set back it goes on at once.
            (from.second, from.minute) = (from.second.min(now), from.minute.min(now / 60));
            match self.write(from, until).await {
                Ok(()) => {
                    self.telemetry.set_history_error(None);
                    from = until;
                    self.written.store(from.minute, Ordering::Release);
                }
                // The same seconds are tried again with the next page, as far as they are still there.
                Err(error) => complain(&self.telemetry, &self.history.file, &error),
            }
        }
        self.database.close().await;
    }

    fn second(&self) -> u32 {
        u32::try_from(self.database.clock().now().as_second()).unwrap_or(0)
    }

    /// Writes pages and minutes together, or neither.
    async fn write(&self, from: WrittenUntil, until: WrittenUntil) -> anyhow::Result<()> {
        let (telemetry, database) = (self.telemetry.clone(), self.database.clone());
        // It waits for a question that is being answered.
        let recorded = tokio::task::spawn_blocking(move || {
            let pages = pages(&telemetry, &database, from.second..until.second);
            (pages, telemetry.minutes_for_why(None, from.minute..until.minute))
        });
        let (pages, minutes) = recorded.await.context("what was recorded cannot be read from memory")?;
        let is_tidy = from.tidied == until.tidied;
        if pages.is_empty() && minutes.is_empty() && is_tidy {
            return Ok(());
        }
        let bytes = i64::try_from(self.history.bytes).unwrap_or(i64::MAX);
        let (latest, is_steady) = (latest(self.database.clock()), self.clock.is_steady());
        // By a clock that was just set, nothing is too old or of the future.
        let oldest = if is_steady { (self.database.clock().now() - DAYS).as_second() } else { 0 };
        let keep = async |cx: SystemContext| {
            cx.transaction(async |tx| {
                for page in pages {
                    write_page(tx, page).await?;
                }
                forget_pages(tx, bytes, latest).await?;
                days::write(tx, minutes).await?;
                if is_tidy {
                    return Ok(());
                }
                if is_steady {
                    forget_future(tx, latest).await?;
                }
                days::forget(tx, self.history.days, oldest..latest).await?;
                noted::forget(tx, oldest..latest).await
            })
            .await
        };
        Ok(self.database.run(None, keep).await?)
    }
}

/// The pages of these seconds in which something happened: ten seconds, and more of them after an error or a long start.
fn pages(telemetry: &Telemetry, database: &Database, seconds: Range<u32>) -> Vec<PageRow> {
    let reach = u32::try_from(REACH.as_secs()).unwrap_or(u32::MAX);
    let first = seconds.start.max(seconds.end.saturating_sub(reach));
    let all = (first..seconds.end).step_by(LONGEST_PAGE_S as usize);
    let pages = all.filter_map(|first| {
        let ends_at = seconds.end.min(first.saturating_add(LONGEST_PAGE_S));
        let saved = telemetry.save_for_why(first, ends_at)?;
        let (id, changes) = (database.clock().new_id(), saved.changes.clone());
        Some(PageRow { id, ends_at, body: page::write(saved), changes })
    });
    pages.collect()
}

async fn write_page(tx: &mut SystemTx<'_>, page: PageRow) -> Result<(), DataError> {
    noted::write(tx, &page.changes).await?;
    sql!("tenfold_why_pages.write", "INSERT INTO tenfold_why_pages (id, ends_at, body) VALUES ($1, $2, $3)")
        .bind(page.id)
        .bind(i64::from(page.ends_at))
        .bind(page.body)
        .repeated("once a minute of what could not be written before, in a file that only this task writes")
        .execute(tx)
        .await
        .map(drop)
}

/// Removes the oldest pages that are too many; what is of the time after `latest` has a bound of its own.
async fn forget_pages(tx: &mut SystemTx<'_>, bytes: i64, latest: i64) -> Result<(), DataError> {
    sql!(
        "tenfold_why_pages.forget",
        "DELETE FROM tenfold_why_pages WHERE id IN (
             SELECT id FROM (
                 SELECT id, row_number() OVER newest AS place, sum(octet_length(body)) OVER newest AS bytes
                 FROM tenfold_why_pages
                 WINDOW newest AS (PARTITION BY ends_at > $3 ORDER BY ends_at DESC, id DESC)
             ) pages WHERE place > $1 OR (place > 1 AND bytes > $2)
         )"
    )
    .bind(MOST_PAGES)
    .bind(bytes)
    .bind(latest)
    .execute(tx)
    .await
    .map(drop)
}
