//! Opens the history's file, and takes what is in it into memory.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use tenfold_data::{
    Clock, DataError, Database, DatabaseSettings, MigrationFile, ModuleMigrations, SystemContext, sql,
};
use tenfold_observe::telemetry::Telemetry;
use tenfold_observe::telemetry::diagnosis::{LedgerChange, SavedPage};
use tokio::sync::Notify;

use super::future::{end_us, latest};
use super::lock::HistoryLock;
use super::settings::{self, SettingPrints};
use super::unread::UnreadTime;
use super::{days, noted, page};

/// How long before the start of a process pages are read.
pub(super) const REACH: Duration = Duration::from_secs(7_200);
/// How many pages are kept: those of a day.
pub(super) const MOST_PAGES: i64 = 8_640;
/// How often a process asks for a file that another one has.
const ASK_EVERY: Duration = Duration::from_secs(1);

const MIGRATIONS: &[MigrationFile] = &[
    MigrationFile {
        name: "0001_pages.sql",
        text: "CREATE TABLE tenfold_why_pages (id uuid PRIMARY KEY, ends_at bigint NOT NULL, body text NOT NULL);",
    },
    settings::MIGRATION,
    MigrationFile { name: "0003_days.sql", text: days::MIGRATION },
    noted::MIGRATION,
];

/// What a process opens its file with.
pub(super) struct HistoryOpening {
    pub file: String,
    pub settings: DatabaseSettings,
    /// The settings of the process, to be compared with those of the one before.
    pub prints: SettingPrints,
    pub clock: Clock,
    pub telemetry: Telemetry,
    /// What it had noted when it started.
    pub started: Vec<LedgerChange>,
}

/// The file of a process, which nobody else writes.
pub(super) struct OpenHistory {
    pub database: Database,
    /// Held as long as the file is written.
    pub lock: HistoryLock,
}

/// What is read from the file.
#[derive(Clone, Copy)]
pub(super) enum ReadBack {
    /// All of the last two hours, before this process records anything.
    All,
    /// What was recorded before this second, since 1970, at which this process began: the other process has recorded the time since then
    /// beside it. Single requests are left out, since the memory has newer ones already.
    Before(u32),
}

/// Says in the console, and once in the log, why the history is not kept.
pub(super) fn complain(telemetry: &Telemetry, file: &str, error: &anyhow::Error) {
    let text = format!("the history for `why` is not kept in {file}: {error:#}");
    if telemetry.set_history_error(Some(text.clone())) {
        tracing::warn!("{text}");
    }
}

impl HistoryOpening {
    /// `None` if another process has the file, which is told.
    pub(super) async fn try_open(&self, read: ReadBack) -> anyhow::Result<Option<OpenHistory>> {
        let HistoryOpening { file, settings, prints, clock, telemetry, started } = self;
        if let Some(folder) = Path::new(file).parent() {
            std::fs::create_dir_all(folder)?;
        }
        let Some(lock) = HistoryLock::try_take(file)? else {
            let told = anyhow::anyhow!(
                "another process keeps its history there, so this one remembers only what it records itself, until it ends. Give each process a \
                 file of its own (why.history). If the other process ends, this one goes on with the file"
            );
            complain(telemetry, file, &told);
            return Ok(None);
        };
        let database = Database::open(&format!("sqlite:{file}"), settings, clock.clone(), Vec::new())?;
        database.migrate(&[ModuleMigrations { module: "tenfold.history", files: MIGRATIONS }]).await?;
        // A row that is damaged is replaced by then, so the next process can compare again.
        if let Err(error) = settings::exchange(&database, started, prints).await {
            tracing::warn!("which settings have changed is not known from {file}: {error:#}");
        }
        let unread = restore(&database, telemetry, read).await?.text(file);
        if let Some(text) = &unread {
            tracing::warn!("{text}");
        }
        telemetry.set_history_gap(unread);
        Ok(Some(OpenHistory { database, lock }))
    }

    /// Opens the file once no other process has it; `None` if this one stops before. `began` is when it did, in seconds since 1970.
    pub(super) async fn wait(&self, began: u32, stop: &Notify) -> Option<OpenHistory> {
        while tokio::time::timeout(ASK_EVERY, stop.notified()).await.is_err() {
            match self.try_open(ReadBack::Before(began)).await {
                Ok(Some(open)) => {
                    self.telemetry.set_history_error(None);
                    return Some(open);
                }
                Ok(None) => {}
                Err(error) => complain(&self.telemetry, &self.file, &error),
            }
        }
        None
    }
}

/// Takes what processes before have recorded in the last two hours into memory, and which settings have changed since. Gives the time that cannot
/// be read.
async fn restore(database: &Database, telemetry: &Telemetry, read: ReadBack) -> anyhow::Result<UnreadTime> {
    let first = (database.clock().now() - REACH).as_second();
    let latest = latest(database.clock());
    let until = match read {
        ReadBack::All => latest,
        ReadBack::Before(began) => latest.min(i64::from(began)),
    };
    let rows = async |cx: SystemContext| {
        let pages = sql!(
            "tenfold_why_pages.read",
            "SELECT ends_at, body FROM tenfold_why_pages WHERE ends_at > $1 AND ends_at <= $2 ORDER BY ends_at LIMIT $3"
        );
        let pages = pages.bind(first).bind(until).bind(MOST_PAGES).bounded();
        let pages: Vec<(i64, String)> = pages.all(&cx).await?;
        Ok::<_, DataError>((pages, noted::read(&cx, first * 1_000_000..end_us(latest)).await?))
    };
    let (pages, changes) = database.run(None, rows).await?;
    let (telemetry, end) = (telemetry.clone(), u32::try_from(latest).unwrap_or(0));
    let restore = move || {
        let (mut unread, mut before) = (UnreadTime::default(), first);
        for (ends_at, body) in pages {
            let read_page = page::read(&body);
            let after = std::mem::replace(&mut before, ends_at);
            let mut page = match read_page {
                Ok(page) => page,
                Err(why) => {
                    unread.add(why, after, ends_at);
                    continue;
                }
            };
            page.forget_after(end);
            if let ReadBack::Before(_) = read {
                page.events.clear();
            }
            telemetry.restore_for_why(page);
        }
        // Some are in the pages, too, and are known by then.
        telemetry.restore_for_why(SavedPage { changes, ..SavedPage::default() });
        unread
    };
    tokio::task::spawn_blocking(restore).await.context("what was read cannot be taken into memory")
}
