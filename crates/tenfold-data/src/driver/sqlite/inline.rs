//! Connections for bounded reads, which run on the calling task: a switch to another thread costs more than the read.
//!
//! A connection keeps its snapshot from one read to the next as long as nothing was committed. The head of the WAL
//! index shows that, for one small read. Without this, SQLite takes a snapshot for each read: two file locks each time,
//! which take longer than a load by key and which all readers of a process contend for.
//!
//! A kept snapshot holds back the log: the frames that it can see cannot be overwritten. So a checkpoint makes the
//! readers release their snapshots before and after ([`Inline::let_go`]). An idle snapshot is released soon as well,
//! for the sake of other processes. See `log.rs` and `writer.rs`.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use rusqlite::Connection;

use super::connection::{self, classify, execute, run_statement};
use super::wal_index::{Head, WalIndex};
use crate::driver::{Call, DriverError, SqliteSettings};

/// One connection for each thread that can run a read at the same time, and one more.
pub(super) struct Inline {
    readers: Box<[Apart<Mutex<InlineReader>>]>,
    index: Option<WalIndex>,
}

/// Padded to its own cache lines, so that readers on two cores do not slow each other down.
#[repr(align(128))]
struct Apart<T>(T);

struct InlineReader {
    connection: Connection,
    /// The head of the index just before the connection took the snapshot that it keeps.
    snapshot: Option<Head>,
}

impl Inline {
    /// Opens read connections to a file that the writer already has open.
    pub(super) fn open(path: &Path, settings: &SqliteSettings) -> Result<Self, DriverError> {
        let count = std::thread::available_parallelism().map_or(2, usize::from) + 1;
        let reader = |_| -> Result<_, DriverError> {
            let connection = connection::open_reader(path, settings)?;
            Ok(Apart(Mutex::new(InlineReader { connection, snapshot: None })))
        };
        let readers = (0..count).map(reader).collect::<Result<_, _>>()?;
        let inline = Inline { readers, index: None };
        // The index exists after the first read.
        inline
            .with(|reader| reader.execute_batch("PRAGMA schema_version").map_err(|error| classify(&error)))?;
        Ok(Inline { index: WalIndex::of(path), ..inline })
    }

    /// The WAL index, which shows whether anything was committed and how long the log is.
    pub(super) fn index(&self) -> Option<&WalIndex> {
        self.index.as_ref()
    }

    /// Runs a bounded read on the calling thread. It sees everything that was committed before the call.
    pub(super) fn run(&self, call: Call<'_>) -> Result<u64, DriverError> {
        let mut reader = self.free();
        reader.renew(self.index())?;
        run_statement(&reader.connection, call)
    }

    /// Runs `work` on a connection, outside the snapshots of earlier reads.
    pub(super) fn with<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, DriverError>,
    ) -> Result<T, DriverError> {
        let mut reader = self.free();
        reader.let_go()?;
        work(&reader.connection)
    }

    /// Ends the snapshots of all connections. Waits for reads that are under way, which are bounded.
    pub(super) fn let_go(&self) {
        for reader in &self.readers {
            // If a snapshot cannot be ended, the next read on that connection reports it.
            let _ = reader.0.lock().unwrap_or_else(PoisonError::into_inner).let_go();
        }
    }

    /// A free connection, the thread's own if possible: what it read last is in that core's caches. One is free within
    /// microseconds, because no task holds one across an `await`.
    fn free(&self) -> MutexGuard<'_, InlineReader> {
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
    /// Numbers threads in the order of their first read.
    static OWN: usize = {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        NEXT.fetch_add(1, Ordering::Relaxed)
    };
}

impl InlineReader {
    /// Takes a new snapshot unless the kept one is still current.
    fn renew(&mut self, index: Option<&WalIndex>) -> Result<(), DriverError> {
        // Read before the snapshot is taken: a commit in between makes the next read renew once more than needed.
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
        // An error may already have ended the transaction.
        if self.connection.is_autocommit() {
            return Ok(());
        }
        execute(&self.connection, "COMMIT").map_err(|error| classify(&error))
    }
}
