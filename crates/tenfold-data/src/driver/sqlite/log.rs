//! SQLite's log, and how it is moved into the database (a checkpoint) once it is long.
//!
//! By itself SQLite does this within COMMIT. But readers keep their snapshots here (`inline.rs`), and a snapshot older
//! than the last commit holds back what came after it. So the readers first release their snapshots, and the log is
//! moved. Then they release them again and read from the database alone, so that the next write can restart the log.
//!
//! Other transactions write on another connection while the log is moved. What they have added by then is moved while
//! nothing is written: that is about a tenth of it, and the rest is on the disk already. SQLite forces the database to
//! the disk only with the last page of the log, hence [`File::sync_data`]. A checkpoint is as durable without it, but
//! the writers would have to wait for the disk.
//!
//! In SQLite before 3.51.3, one connection that writes and another that moves can lose pages
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

/// The log is moved into the database when it has this many pages: SQLite's own default.
const LONG: u32 = 1_000;

pub(super) struct WriteAheadLog {
    readers: Arc<Inline>,
    /// A separate connection that moves the log.
    mover: Mutex<Connection>,
    /// The database's file.
    database: Option<Arc<File>>,
}

impl WriteAheadLog {
    /// The log of the open database at `path`; `None` where only SQLite knows how long it is.
    pub(super) fn of(
        path: &Path,
        settings: &SqliteSettings,
        readers: &Arc<Inline>,
    ) -> Result<Option<Self>, DriverError> {
        if readers.index().is_none() {
            return Ok(None);
        }
        let (mover, database) = (Mutex::new(open_writer(path, settings)?), kept_open::open(path));
        Ok(Some(WriteAheadLog { readers: Arc::clone(readers), mover, database }))
    }

    /// Whether the log is long, and not all of it is in the database yet.
    pub(super) fn is_to_be_moved(&self) -> bool {
        self.head().is_some_and(|head| head.frames() >= LONG && head.moved() < head.frames())
    }

    /// Moves what is in the log by now, while other transactions may write.
    pub(super) fn move_most(&self) {
        self.shift();
        // If it fails, SQLite repeats it, or reports the error.
        let _ = self.database.as_ref().map(|file| file.sync_data());
    }

    /// Moves what was added since, unless the log was restarted, so that the next write can restart it. There must be
    /// no writes meanwhile. A read on another thread, or of another process, may hold back a part; this is then
    /// repeated after the next group.
    pub(super) fn move_rest(&self) {
        if self.head().is_some_and(|head| head.frames() >= LONG) {
            self.shift();
            self.let_readers_go();
        }
    }

    /// Ends the readers' snapshots. They keep snapshots only where the index can be read.
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
            // Nothing is lost: the log has it all, and grows until a checkpoint works again.
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
