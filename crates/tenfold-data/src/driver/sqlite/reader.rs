//! A statement on a reader thread that stops when its result is no longer wanted.
//!
//! `sqlite3_interrupt` is not used: it stops whatever runs on the connection by then, which may be the next user's
//! statement, and has no effect on a statement that has not begun yet. Here SQLite regularly checks whether this very
//! run is still wanted. The writer never checks: an interrupted write would end its whole group, see `writer.rs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;

use super::connection::classify;
use crate::driver::DriverError;

/// How many instructions SQLite executes between two checks: some ten microseconds.
const PERIOD: i32 = 1_000;

/// Held by the task that waits for a run. Dropping it stops the run.
pub(super) struct RunGuard(Arc<AtomicBool>);

/// The reader thread's side of a [`RunGuard`].
pub(super) struct RunCheck(Arc<AtomicBool>);

impl RunGuard {
    pub(super) fn new() -> Self {
        RunGuard(Arc::new(AtomicBool::new(true)))
    }

    pub(super) fn check(&self) -> RunCheck {
        RunCheck(Arc::clone(&self.0))
    }
}

impl Drop for RunGuard {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

impl RunCheck {
    /// Runs `work` on the connection, and stops it early when it is no longer wanted. The connection stays usable in
    /// either case.
    pub(super) fn over<T>(
        self,
        connection: &mut Connection,
        work: impl FnOnce(&Connection) -> Result<T, DriverError>,
    ) -> Result<T, DriverError> {
        let unwanted = move || !self.0.load(Ordering::Relaxed);
        connection.progress_handler(PERIOD, Some(unwanted)).map_err(|error| classify(&error))?;
        let result = work(connection);
        connection.progress_handler(0, None::<fn() -> bool>).map_err(|error| classify(&error))?;
        result
    }
}
