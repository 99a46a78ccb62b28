//! A file beside the process, so that a restart forgets nothing: a page for every ten seconds.
//!
//! It is an SQLite file of its own, also on PostgreSQL: an outage of the application's database blinds nobody. A task
//! writes it. Whatever happens to the file, the application goes on, and the console says that it is not kept.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tenfold_data::{Clock, DataError, Database, DatabaseSettings, MigrationFile, ModuleMigrations, sql};
use tenfold_observe::telemetry::Telemetry;
use tenfold_observe::telemetry::diagnosis::{LedgerChange, SavedPage};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::archive::HistoryArchive;
use super::days::{self, DayBounds};
use super::page;

/// How often a page is written.
const EVERY: Duration = Duration::from_secs(10);
/// How long before the start of a process pages are read.
const REACH: Duration = Duration::from_secs(7_200);
/// How many pages are kept: those of a day.
const MOST_PAGES: i64 = 8_640;
/// How long minutes are kept: fourteen days.
const DAYS: Duration = Duration::from_secs(14 * 86_400);
/// How long the last page may take when the process stops.
const PATIENCE: Duration = Duration::from_secs(2);

const MIGRATIONS: &[MigrationFile] = &[
    MigrationFile {
        name: "0001_pages.sql",
        text: "CREATE TABLE tenfold_why_pages (id uuid PRIMARY KEY, ends_at bigint NOT NULL, body text NOT NULL);",
    },
    MigrationFile { name: "0002_days.sql", text: days::MIGRATION },
];

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
    /// Reads what the process before wrote, and begins to write. An error is logged and shown in the console.
    ///
    pub(crate) async fn begin(
        history: &HistorySettings,
        settings: &DatabaseSettings,
        clock: Clock,
        telemetry: Telemetry,
    ) -> Option<Self> {
        let file = &history.file;
        let database = match open(file, settings, clock, &telemetry).await {
            Ok(database) => database,
            Err(error) => {
                complain(&telemetry, file, &error);
                return None;
            }
        };
        let stop = Arc::new(Notify::new());
        let written = Arc::new(AtomicU32::new(0));
        telemetry.set_archive(Arc::new(HistoryArchive::new(database.clone(), Arc::clone(&written))));
        let writer = HistoryWriter { database, telemetry, written, history: history.clone() };
        #[expect(
            clippy::disallowed_methods,
            reason = "it runs as long as the process and is a part of no request"
        )]
        let task = tokio::spawn(writer.run(Arc::clone(&stop)));
        Some(History { stop, task })
    }

    /// Writes the last page.
    pub(crate) async fn end(self) {
        self.stop.notify_one();
        if tokio::time::timeout(PATIENCE, self.task).await.is_err() {
            tracing::warn!("the last page of the history for `why` was not written in time");
        }
    }
}

fn complain(telemetry: &Telemetry, file: &str, error: &anyhow::Error) {
    let text = format!("the history for `why` is not kept in {file}: {error:#}");
    if telemetry.set_history_error(Some(text.clone())) {
        tracing::warn!("{text}");
    }
}

async fn open(
    file: &str,
    settings: &DatabaseSettings,
    clock: Clock,
    telemetry: &Telemetry,
) -> anyhow::Result<Database> {
    if let Some(folder) = Path::new(file).parent() {
        std::fs::create_dir_all(folder)?;
    }
    let database = Database::open(&format!("sqlite:{file}"), settings, clock, Vec::new())?;
    database.migrate(&[ModuleMigrations { module: "tenfold", files: MIGRATIONS }]).await?;
    let first = (database.clock().now() - REACH).as_second();
    let read = async |cx: tenfold_data::SystemContext| {
        sql!(
            "tenfold_why_pages.read",
            "SELECT body FROM tenfold_why_pages WHERE ends_at > $1 ORDER BY ends_at"
        )
        .bind(first)
        .bounded()
        .all::<(String,), _>(&cx)
        .await
    };
    let pages: Vec<(String,)> = database.run(None, read).await?;
    pages.iter().filter_map(|(body,)| page::read(body)).for_each(|page| telemetry.restore_for_why(page));
    Ok(database)
}

struct HistoryWriter {
    database: Database,
    telemetry: Telemetry,
    /// The minute from which on nothing was written yet.
    written: Arc<AtomicU32>,
    history: HistorySettings,
}

impl HistoryWriter {
    async fn run(self, stop: Arc<Notify>) {
        let (mut from, mut minute) = (self.second(), self.second() / 60);
        self.written.store(minute, Ordering::Release);
        let mut is_last = false;
        while !is_last {
            is_last = tokio::time::timeout(EVERY, stop.notified()).await.is_ok();
            // The current second is not over, unless the process is.
            let until = self.second() + u32::from(is_last);
            // So is the current minute. The next process adds to it.
            let until_minute = until / 60 + u32::from(is_last);
            match self.write(from..until, minute..until_minute).await {
                Ok(()) => {
                    self.telemetry.set_history_error(None);
                    // The clock may have been set back.
                    (from, minute) = (from.max(until), minute.max(until_minute));
                    self.written.store(minute, Ordering::Release);
                }
                // The same seconds are tried again with the next page, as far as they are still there.
                Err(error) => complain(&self.telemetry, &self.history.file, &anyhow::Error::from(error)),
            }
        }
        self.database.close().await;
    }

    fn second(&self) -> u32 {
        u32::try_from(self.database.clock().now().as_second()).unwrap_or(0)
    }

    async fn write(&self, seconds: Range<u32>, minutes: Range<u32>) -> Result<(), DataError> {
        let telemetry = self.telemetry.clone();
        let (from, until) = (seconds.start, seconds.end);
        // It waits for a question that is being answered.
        let saved = tokio::task::spawn_blocking(move || {
            (telemetry.save_for_why(from, until), telemetry.minutes_for_why(None, minutes))
        });
        let Ok((saved, minutes)) = saved.await else { return Ok(()) };
        if let Some(saved) = saved {
            self.write_page(until, saved).await?;
        }
        if minutes.is_empty() {
            return Ok(());
        }
        let oldest = (self.database.clock().now() - DAYS).as_second();
        let keep = async |cx: tenfold_data::SystemContext| {
            cx.transaction(async |tx| days::write(tx, minutes, self.history.days, oldest).await).await
        };
        self.database.run(None, keep).await
    }

    async fn write_page(&self, until: u32, saved: SavedPage) -> Result<(), DataError> {
        let changes: Vec<LedgerChange> = saved.changes.clone();
        let bytes = i64::try_from(self.history.bytes).unwrap_or(i64::MAX);
        let (body, id) = (page::write(saved), self.database.clock().new_id());
        let write = async |cx: tenfold_data::SystemContext| {
            cx.transaction(async |tx| {
                days::write_changes(tx, &changes).await?;
                sql!("tenfold_why_pages.write", "INSERT INTO tenfold_why_pages (id, ends_at, body) VALUES ($1, $2, $3)")
                    .bind(id)
                    .bind(i64::from(until))
                    .bind(body)
                    .execute(tx)
                    .await?;
                sql!(
                    "tenfold_why_pages.forget",
                    "DELETE FROM tenfold_why_pages WHERE id IN (
                         SELECT id FROM (
                             SELECT id, row_number() OVER newest AS place, sum(octet_length(body)) OVER newest AS bytes
                             FROM tenfold_why_pages WINDOW newest AS (ORDER BY ends_at DESC, id DESC)
                         ) pages WHERE place > $1 OR (place > 1 AND bytes > $2)
                     )"
                )
                .bind(MOST_PAGES)
                .bind(bytes)
                .execute(tx)
                .await
            })
            .await
        };
        self.database.run(None, write).await.map(drop)
    }
}
