//! Connections for bounded reads, which run on the task that asks: a hop to another thread costs more than they do.
//!
//! A connection keeps its snapshot from one read to the next for as long as nothing has been committed, which the head
//! of the WAL index tells for the price of one small read. A snapshot for each read is what SQLite does by itself: two
//! locks on the file each time, which take longer than a load by key and which all readers of a process wait for.
//!
//! A kept snapshot would hold the log: what it can see cannot be overwritten. So whoever moves the log into the
//! database makes readers let go of theirs before and after ([`Inline::let_go`]), and one that is idle is let go of
//! soon, for the sake of other processes. See `log.rs` and `writer.rs`.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use rusqlite::Connection;

use super::connection::{self, classify, execute, run_statement};
use super::wal_index::{Head, WalIndex};
use crate::driver::{Call, DriverError, SqliteSettings};

/// As many connections as there are threads that can run a read at once, and one more.
pub(super) struct Inline {
    readers: Box<[Apart<Mutex<Reader>>]>,
    index: Option<WalIndex>,
}

/// On cache lines of its own, or readers on two cores would slow each other down.
#[repr(align(128))]
struct Apart<T>(T);

struct Reader {
    connection: Connection,
    /// How the index began just before the snapshot was taken that the connection keeps.
    snapshot: Option<Head>,
}

impl Inline {
    /// Opens the connections to a file that its writer has open.
    pub(super) fn open(path: &Path, settings: &SqliteSettings) -> Result<Self, DriverError> {
        let count = std::thread::available_parallelism().map_or(2, usize::from) + 1;
        let reader = |_| -> Result<_, DriverError> {
            let connection = connection::open_reader(path, settings)?;
            Ok(Apart(Mutex::new(Reader { connection, snapshot: None })))
        };
        let readers = (0..count).map(reader).collect::<Result<_, _>>()?;
        let inline = Inline { readers, index: None };
        // The index is there once something has been read.
        inline
            .with(|reader| reader.execute_batch("PRAGMA schema_version").map_err(|error| classify(&error)))?;
        Ok(Inline { index: WalIndex::of(path), ..inline })
    }

    /// Where to see whether anything was committed, and how long the log is.
    pub(super) fn index(&self) -> Option<&WalIndex> {
        self.index.as_ref()
    }

    /// Runs a bounded read on this very thread, which sees everything that was committed before it was called.
    pub(super) fn run(&self, call: Call<'_>) -> Result<u64, DriverError> {
        let mut reader = self.free();
        reader.renew(self.index())?;
        run_statement(&reader.connection, call)
    }

    /// Works on a connection, in no snapshot of earlier reads.
    pub(super) fn with<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, DriverError>,
    ) -> Result<T, DriverError> {
        let mut reader = self.free();
        reader.let_go()?;
        work(&reader.connection)
    }

    /// Ends the snapshots of all connections. Waits for reads that are under way: they are bounded.
    pub(super) fn let_go(&self) {
        for reader in &self.readers {
            // If it cannot be ended, the next read says so to whom it concerns.
            let _ = reader.0.lock().unwrap_or_else(PoisonError::into_inner).let_go();
        }
    }

    /// A connection that nobody uses, the thread's own if it can be: what it has read last lies in that core's caches.
    /// One is free within microseconds, since nobody holds one across an `await`.
    fn free(&self) -> MutexGuard<'_, Reader> {
        let own = OWN.with(|own| *own) % self.readers.len();
        let (behind, ahead) = self.readers.split_at(own);
        for reader in ahead.iter().chain(behind) {
            match reader.0.try_lock() {
                Ok(reader) => return reader,
                Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        self.readers[own].0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

thread_local! {
    /// Threads in the order in which they first read.
    static OWN: usize = {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        NEXT.fetch_add(1, Ordering::Relaxed)
    };
}

impl Reader {
    /// Takes a new snapshot unless the one that is kept still shows everything.
    fn renew(&mut self, index: Option<&WalIndex>) -> Result<(), DriverError> {
        // Read before the snapshot is taken: a commit in between makes the next read renew once too often.
        let head = index.and_then(WalIndex::head);
        if head.is_some() && head == self.snapshot && !self.connection.is_autocommit() {
            return Ok(());
        }
        self.let_go()?;
        if head.is_some() {
            execute(&self.connection, "BEGIN").map_err(|error| classify(&error))?;
            self.snapshot = head;
        }
        Ok(())
    }

    fn let_go(&mut self) -> Result<(), DriverError> {
        self.snapshot = None;
        // An error may have ended it already.
        if self.connection.is_autocommit() {
            return Ok(());
        }
        execute(&self.connection, "COMMIT").map_err(|error| classify(&error))
    }
}
