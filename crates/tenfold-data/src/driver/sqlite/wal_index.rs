//! The head of SQLite's WAL index, the file beside the database that ends in `-shm`. It shows whether anything was
//! committed, or moved from the log into the database, since it was last read.
//!
//! Its first 136 bytes are documented (<https://sqlite.org/walformat.html#the_wal_index_file_format>): two copies of a
//! header that every commit changes, by any process, and after them how much of the log is in the database.

use std::ffi::OsString;
use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::kept_open;

/// Both copies of the header, and the number of frames that are in the database.
const HEAD: usize = 100;
/// The bytes of the first header that hold the number of the log's last valid frame.
const LAST_FRAME: Range<usize> = 16..20;
/// The bytes that hold the number of the last frame that is in the database.
const LAST_MOVED: Range<usize> = 96..100;

/// The WAL index of one database file.
pub(super) struct WalIndex(Arc<File>);

/// The first bytes of the index at one time. If two are equal, nothing was committed between them, because they include
/// a counter, the log's salts and a checksum. One that was read while a commit changed it equals neither the one before
/// nor the one after.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Head([u8; HEAD]);

impl Head {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// How many frames of the log are in use. Each holds one page.
    pub(super) fn frames(&self) -> u32 {
        self.number(LAST_FRAME)
    }

    /// How many of the frames are in the database.
    pub(super) fn moved(&self) -> u32 {
        self.number(LAST_MOVED)
    }

    fn number(&self, place: Range<usize>) -> u32 {
        self.0[place].try_into().map_or(0, u32::from_ne_bytes)
    }
}

impl WalIndex {
    /// The index of an open database. `None` where the file does not show at once what SQLite writes to it through
    /// shared memory; readers then keep no snapshots.
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    pub(super) fn of(database: &Path) -> Option<Self> {
        // SQLite puts it beside the file itself, not beside a link to it.
        let mut path = OsString::from(std::fs::canonicalize(database).ok()?);
        path.push("-shm");
        kept_open::open(Path::new(&path)).map(WalIndex)
    }

    #[cfg(not(any(target_os = "linux", target_os = "macos")))]
    pub(super) fn of(_database: &Path) -> Option<Self> {
        None
    }

    /// The current head; `None` while there is nothing to read.
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    pub(super) fn head(&self) -> Option<Head> {
        use std::os::unix::fs::FileExt as _;

        let mut head = [0; HEAD];
        self.0.read_exact_at(&mut head, 0).ok()?;
        Some(Head(head))
    }

    #[cfg(not(any(target_os = "linux", target_os = "macos")))]
    pub(super) fn head(&self) -> Option<Head> {
        None
    }
}

#[cfg(all(test, any(target_os = "linux", target_os = "macos")))]
mod tests {
    use std::path::{Path, PathBuf};
    use std::sync::Arc;

    use rusqlite::Connection;

    use super::WalIndex;
    use crate::statement::Dialect;
    use crate::testing::TestDatabase;

    /// A file in a folder of its own, which is removed with the returned `TestDatabase`.
    async fn place() -> (TestDatabase, PathBuf) {
        let place = TestDatabase::create(Dialect::Sqlite).await;
        let file = PathBuf::from(place.url().trim_start_matches("sqlite:"));
        (place, file)
    }

    fn open(file: &Path) -> Connection {
        let connection = Connection::open(file).unwrap();
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0").unwrap();
        connection.execute_batch("CREATE TABLE IF NOT EXISTS notes (text TEXT)").unwrap();
        connection
    }

    #[tokio::test]
    async fn the_head_changes_with_a_commit_and_with_a_checkpoint_and_with_nothing_else() {
        let (_place, file) = place().await;
        let connection = open(&file);
        let index = WalIndex::of(&file).unwrap();
        let head = || index.head().unwrap();
        let before = head();
        connection.query_row("SELECT count(*) FROM notes", [], |_| Ok(())).unwrap();
        connection.execute_batch("BEGIN IMMEDIATE; INSERT INTO notes VALUES ('a'); ROLLBACK").unwrap();
        assert!(head() == before, "nothing was committed");
        connection.execute_batch("INSERT INTO notes VALUES ('a')").unwrap();
        let committed = head();
        assert!(committed != before && committed.frames() > before.frames());
        connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())).unwrap();
        assert!(head() != committed, "the log was moved into the database");
        // The next commit restarts the log.
        connection.execute_batch("INSERT INTO notes VALUES ('b')").unwrap();
        assert_eq!(head().frames(), 1);
    }

    #[tokio::test]
    async fn one_file_has_one_index_also_through_a_link_and_a_new_file_in_its_place_has_another() {
        let (_place, file) = place().await;
        let connection = open(&file);
        let index = WalIndex::of(&file).unwrap();
        let link = file.with_file_name("link.db");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert!(Arc::ptr_eq(&index.0, &WalIndex::of(&link).unwrap().0));
        // SQLite removes the index when its last connection closes.
        drop(connection);
        assert!(WalIndex::of(&file).is_none());
        let _connection = open(&file);
        assert!(!Arc::ptr_eq(&index.0, &WalIndex::of(&file).unwrap().0));
    }
}
