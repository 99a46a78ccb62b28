//! A file beside the process, so that a restart forgets nothing: a page for every ten seconds.
//!
//! It is an SQLite file of its own, also on PostgreSQL: an outage of the application's database blinds nobody. A task
//! writes it. Whatever happens to the file, the application goes on, and the console says that it is not kept.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tenfold_data::{Clock, DataError, Database, DatabaseSettings, MigrationFile, ModuleMigrations, sql};
use tenfold_observe::telemetry::Telemetry;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::page;
use super::settings::{self, SettingPrints};

/// How often a page is written.
const EVERY: Duration = Duration::from_secs(10);
/// How long before the start of a process pages are read.
const REACH: Duration = Duration::from_secs(7_200);
/// How many pages are kept: those of a day.
const MOST_PAGES: i64 = 8_640;
/// How long the last page may take when the process stops.
const PATIENCE: Duration = Duration::from_secs(2);

const MIGRATIONS: &[MigrationFile] = &[
    MigrationFile {
        name: "0001_pages.sql",
        text: "CREATE TABLE tenfold_why_pages (id uuid PRIMARY KEY, ends_at bigint NOT NULL, body text NOT NULL);",
    },
    settings::MIGRATION,
];

/// The file of a process, while it runs.
pub(crate) struct History {
    stop: Arc<Notify>,
    task: JoinHandle<()>,
}

impl History {
    /// Reads what the process before wrote, and begins to write. An error is logged and shown in the console.
    ///
    /// `bytes` is how long all pages together may be. `prints` are the settings, to be compared with those of the process before.
    pub(crate) async fn begin(
        file: &str,
        bytes: u64,
        settings: &DatabaseSettings,
        prints: &SettingPrints,
        clock: Clock,
        telemetry: Telemetry,
    ) -> Option<Self> {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        let database = match open(file, settings, prints, clock, &telemetry).await {
            Ok(database) => database,
            Err(error) => {
                complain(&telemetry, file, &error);
                return None;
            }
        };
        let stop = Arc::new(Notify::new());
        let writer = HistoryWriter { database, telemetry, bytes, file: file.to_owned() };
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
    prints: &SettingPrints,
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
    settings::compare(&database, telemetry, prints).await?;
    Ok(database)
}

struct HistoryWriter {
    database: Database,
    telemetry: Telemetry,
    bytes: i64,
    file: String,
}

impl HistoryWriter {
    async fn run(self, stop: Arc<Notify>) {
        let mut from = self.second();
        let mut is_last = false;
        while !is_last {
            is_last = tokio::time::timeout(EVERY, stop.notified()).await.is_ok();
            // The current second is not over, unless the process is.
            let until = self.second() + u32::from(is_last);
            match self.write(from, until).await {
                Ok(()) => {
                    self.telemetry.set_history_error(None);
                    // The clock may have been set back.
                    from = from.max(until);
                }
                // The same seconds are tried again with the next page, as far as they are still there.
                Err(error) => complain(&self.telemetry, &self.file, &anyhow::Error::from(error)),
            }
        }
        self.database.close().await;
    }

    fn second(&self) -> u32 {
        u32::try_from(self.database.clock().now().as_second()).unwrap_or(0)
    }

    async fn write(&self, from: u32, until: u32) -> Result<(), DataError> {
        let telemetry = self.telemetry.clone();
        // It waits for a question that is being answered.
        let saved = tokio::task::spawn_blocking(move || telemetry.save_for_why(from, until));
        let Some(saved) = saved.await.ok().flatten() else { return Ok(()) };
        let (body, id) = (page::write(saved), self.database.clock().new_id());
        let write = async |cx: tenfold_data::SystemContext| {
            cx.transaction(async |tx| {
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
                .bind(self.bytes)
                .execute(tx)
                .await
            })
            .await
        };
        self.database.run(None, write).await.map(drop)
    }
}
