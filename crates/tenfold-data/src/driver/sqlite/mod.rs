//! SQLite inside the process: many readers, one writer.
//!
//! Bounded reads (by key, or a page that an index serves) run inline on the calling task, see `inline.rs`. Other reads
//! run on reader threads. Writes are grouped, see `writer.rs`.

mod audience;
mod columns;
mod connection;
mod constraint;
mod group;
mod holder;
mod inline;
mod kept_open;
mod list;
mod log;
mod look;
mod private_file;
mod reader;
mod transaction;
mod wal_index;
mod writer;

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use rusqlite::Connection;
use tokio::time::Instant;

use self::connection::{classify, run_statement};
use self::inline::Inline;
use self::log::WriteAheadLog;
use self::reader::RunGuard;
use self::writer::Writer;
use super::{Call, DatabaseLook, Driver, DriverTransaction, Params, PlanRequest, before};
use crate::driver::fair_permits::{FairPermit, FairPermits};
use crate::driver::{DriverError, SqliteSettings};
use crate::ownership::OrgId;
use crate::row::{Row, RowSource, copy};
use crate::statement::{Dialect, StatementCost};
use crate::waited::{WaitKind, WaitMeter};

/// An SQLite file.
pub(crate) struct Sqlite {
    /// For bounded reads.
    inline: Arc<Inline>,
    /// For reads on reader threads.
    threads: Arc<Threads>,
    writer: Writer,
    place: Arc<DatabaseFile>,
    /// The settings of a connection that is used once.
    once: SqliteSettings,
}

/// The path of the file, and its identity. A file that was removed or replaced can still be written to, but the data is
/// lost.
struct DatabaseFile {
    path: PathBuf,
    file: (u64, u64),
}

impl DatabaseFile {
    fn of(path: PathBuf) -> Result<Self, DriverError> {
        let file = identity(&path)
            .map_err(|error| DriverError::Unavailable(crate::error::Source::new(error.to_string())))?;
        Ok(DatabaseFile { path, file })
    }

    fn is_there(&self) -> bool {
        identity(&self.path).is_ok_and(|file| file == self.file)
    }
}

/// The file's device and inode.
fn identity(path: &Path) -> std::io::Result<(u64, u64)> {
    path.metadata().map(|file| (file.dev(), file.ino()))
}

struct Threads {
    idle: Mutex<Vec<Connection>>,
    permits: Arc<FairPermits>,
}

impl Threads {
    /// The right to use a reader thread, once one is free and it is the organization's turn.
    async fn permit(
        &self,
        org: Option<OrgId>,
        deadline: Option<Instant>,
        meter: &WaitMeter,
    ) -> Result<FairPermit, DriverError> {
        if let Some(permit) = self.permits.try_take(org) {
            return Ok(permit);
        }
        let _waits = meter.begin(WaitKind::Connection, None);
        // Reads go on until the database is dropped, so its permits are never closed.
        let closing = DriverError::Overloaded("the database is closing");
        before(deadline, async { self.permits.take(org).await.ok_or(closing) }).await
    }
}

impl Sqlite {
    /// Opens the file, and creates it if it does not exist.
    pub(crate) fn open(path: PathBuf, settings: &SqliteSettings) -> Result<Self, DriverError> {
        let writer = connection::open_writer(&path, settings)?;
        let readers = |count: usize| -> Result<Vec<Connection>, DriverError> {
            (0..count).map(|_| connection::open_reader(&path, settings)).collect()
        };
        let inline = Arc::new(Inline::open(&path, settings)?);
        let log = WriteAheadLog::of(&path, settings, &inline)?;
        Ok(Sqlite {
            inline,
            threads: Arc::new(Threads {
                idle: Mutex::new(readers(settings.reader_threads)?),
                permits: FairPermits::new(settings.reader_threads),
            }),
            writer: Writer::start(writer, log, settings)?,
            place: Arc::new(DatabaseFile::of(path)?),
            once: SqliteSettings { cache_bytes: 256 << 10, mmap_bytes: 0, ..settings.clone() },
        })
    }

    /// Runs any other read on a reader thread, which sends the rows back. When the caller is gone, the thread stops: an
    /// endless statement would occupy it for ever.
    async fn run_on_thread(&self, call: Call<'_>, meter: &WaitMeter) -> Result<u64, DriverError> {
        let permit = self.threads.permit(call.tenant, call.deadline, meter).await?;
        let (statement, tenant, threads) = (call.statement.clone(), call.tenant, Arc::clone(&self.threads));
        let Params::One(params) = call.params else { unreachable!("reads have one set of parameters") };
        let params = params.to_vec();
        let wanted = RunGuard::new();
        let check = wanted.check();
        let work = move || {
            let idle = || threads.idle.lock().unwrap_or_else(PoisonError::into_inner);
            let mut connection = idle().pop().expect("there are as many connections as permits");
            let mut rows = Vec::new();
            let mut sink = |row: &Row<'_>| {
                if let RowSource::Sqlite(row) = &row.0 {
                    rows.push(copy(row)?);
                }
                Ok(())
            };
            let call = Call {
                statement: &statement,
                params: Params::One(&params),
                tenant,
                deadline: None,
                sink: &mut sink,
            };
            let result = check.over(&mut connection, |connection| run_statement(connection, call));
            idle().push(connection);
            drop(permit);
            result.map(|count| (count, rows))
        };
        let joined = before(call.deadline, async {
            tokio::task::spawn_blocking(work)
                .await
                .map_err(|error| DriverError::Other(crate::error::Source::new(error)))
        });
        let (count, rows) = joined.await??;
        for row in &rows {
            (call.sink)(&Row(RowSource::Values(row))).map_err(DriverError::Read)?;
        }
        Ok(count)
    }
}

impl Driver for Sqlite {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn run_metered<'a>(
        &'a self,
        call: Call<'a>,
        meter: &'a WaitMeter,
    ) -> BoxFuture<'a, Result<u64, DriverError>> {
        match call.statement.cost {
            StatementCost::Key | StatementCost::Keys | StatementCost::Page => {
                Box::pin(async move { self.inline.run(call) })
            }
            StatementCost::Free => Box::pin(self.run_on_thread(call, meter)),
        }
    }

    fn begin_metered<'a>(
        &'a self,
        deadline: Option<Instant>,
        _org: Option<OrgId>,
        meter: &'a WaitMeter,
    ) -> BoxFuture<'a, Result<Arc<dyn DriverTransaction>, DriverError>> {
        Box::pin(async move {
            let transaction = self.writer.begin(deadline, meter).await?;
            Ok(Arc::new(transaction) as Arc<dyn DriverTransaction>)
        })
    }

    fn outside<'a>(&'a self, _sql: &'a str) -> BoxFuture<'a, Result<(), DriverError>> {
        unreachable!("SQLite has no statement that a transaction may not hold")
    }

    fn ping(&self) -> BoxFuture<'_, Result<(), DriverError>> {
        Box::pin(async move {
            self.inline
                .with(|reader| reader.query_row("SELECT 1", [], |_| Ok(())).map_err(|error| classify(&error)))
        })
    }

    /// Writes a number in the file's first page that Tenfold never reads. It stays 0.
    fn try_write(&self, deadline: Instant) -> BoxFuture<'_, Result<(), DriverError>> {
        Box::pin(before(Some(deadline), async move {
            let place = Arc::clone(&self.place);
            let is_there = tokio::task::spawn_blocking(move || place.is_there());
            if !is_there.await.map_err(|error| DriverError::Other(crate::error::Source::new(error)))? {
                let gone = "its file was removed or replaced after the process had opened it";
                return Err(DriverError::Unavailable(crate::error::Source::new(gone.to_owned())));
            }
            let transaction = self.writer.begin(Some(deadline), &WaitMeter::default()).await?;
            transaction.script("PRAGMA user_version = 0").await?;
            transaction.commit().await
        }))
    }

    fn look<'a>(
        &'a self,
        wanted: &'a [PlanRequest],
        deadline: Instant,
    ) -> BoxFuture<'a, Result<DatabaseLook, DriverError>> {
        let (place, settings, wanted) = (Arc::clone(&self.place), self.once.clone(), wanted.to_vec());
        Box::pin(before(Some(deadline), async move {
            let looked = tokio::task::spawn_blocking(move || look::look(&place.path, &settings, &wanted));
            looked.await.map_err(|error| DriverError::Other(crate::error::Source::new(error)))?
        }))
    }

    fn commit_mark(&self) -> Option<Vec<u8>> {
        Some(self.inline.index()?.head()?.bytes().to_vec())
    }

    fn check<'a>(&'a self, text: &'a str) -> BoxFuture<'a, Result<usize, DriverError>> {
        Box::pin(async move { self.inline.with(|reader| connection::check(reader, text)) })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.writer.close())
    }
}
