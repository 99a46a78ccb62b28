//! SQLite's log, and how it is moved into the database (a checkpoint) once it is long.
//!
//! SQLite would do so by itself within COMMIT; but readers keep their snapshots here (`inline.rs`), and a snapshot older than
//! the last commit holds back what came after it. So the readers let go first, and the log is moved; then they let go
//! again, and read from the database alone, so that the next write begins the log anew.
//!
//! While it is moved others write, on another connection. What they have added by then is moved while nobody writes: that
//! is a tenth of it, and the disk has the rest already. SQLite forces the database to the disk only with the last page of
//! the log, hence [`File::sync_data`]: a checkpoint is as durable without it, but the writers would wait for the disk.
//!
//! With a SQLite before 3.51.3 one connection that writes and another that moves can lose pages
//! (<https://sqlite.org/wal.html#walresetbug>).

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

use super::connection::open_writer;
use super::inline::Inline;
use super::kept_open;
use super::wal_index::{Head, WalIndex};
use crate::driver::{DriverError, SqliteSettings};

/// The log is moved into the database when it has so many pages: SQLite's own default.
const LONG: u32 = 1_000;

pub(super) struct Log {
    readers: Arc<Inline>,
    /// A connection of its own, which moves it.
    mover: Mutex<Connection>,
    /// The database's file.
    database: Option<Arc<File>>,
}

impl Log {
    /// The log of the database at `path`, which is open; none where nobody but SQLite can tell how long it is.
    pub(super) fn of(
        path: &Path,
        settings: &SqliteSettings,
        readers: &Arc<Inline>,
    ) -> Result<Option<Self>, DriverError> {
        if readers.index().is_none() {
            return Ok(None);
        }
        let (mover, database) = (Mutex::new(open_writer(path, settings)?), kept_open::open(path));
        Ok(Some(Log { readers: Arc::clone(readers), mover, database }))
    }

    /// Whether it is long, and not in the database yet.
    pub(super) fn is_to_be_moved(&self) -> bool {
        self.head().is_some_and(|head| head.frames() >= LONG && head.moved() < head.frames())
    }

    /// Moves what there is by now, while others may write.
    pub(super) fn move_most(&self) {
        self.shift();
        // If it fails SQLite does it again, or says why not.
        let _ = self.database.as_ref().map(|file| file.sync_data());
    }

    /// Moves what came since, unless the log has been begun anew, so that the next write can do so. Nobody may write meanwhile.
    /// A read on another thread, or of another process, may hold back a part; then it is tried again after the next group.
    pub(super) fn move_rest(&self) {
        if self.head().is_some_and(|head| head.frames() >= LONG) {
            self.shift();
            self.let_readers_go();
        }
    }

    /// Ends the readers' snapshots. Only where there is an index to look at do they keep any.
    pub(super) fn let_readers_go(&self) {
        self.readers.let_go();
    }

    fn head(&self) -> Option<Head> {
        self.readers.index().and_then(WalIndex::head)
    }

    fn shift(&self) {
        self.let_readers_go();
        let mover = self.mover.lock().unwrap_or_else(PoisonError::into_inner);
        let moved = mover.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        if let Err(error) = moved {
            // Nothing is lost: the log has it all, and grows until it works again.
            tracing::warn!(%error, "SQLite's log could not be moved into the database");
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn sqlite_is_one_in_which_the_log_can_be_moved_while_it_is_begun_anew() {
        assert!(rusqlite::version_number() >= 3_051_003, "SQLite {}", rusqlite::version());
    }
}
