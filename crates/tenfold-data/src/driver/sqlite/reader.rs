//! A statement on a reader thread that ends when nobody waits for it any more.
//!
//! Not `sqlite3_interrupt`: it ends whatever runs on the connection by then, which may be the next user's, and is lost
//! on a statement that has not begun yet. Here SQLite asks, every so often, whether this very run is wanted. The writer
//! never asks: an interrupted write would end its whole group, see `writer.rs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;

use super::connection::classify;
use crate::driver::DriverError;

/// How many of its instructions SQLite executes between two questions: some ten microseconds.
const PERIOD: i32 = 1_000;

/// Held by whoever waits for a run; the run is given up when this is dropped.
pub(super) struct Wanted(Arc<AtomicBool>);

/// What the thread sees of it.
pub(super) struct RepeatCheck(Arc<AtomicBool>);

impl Wanted {
    pub(super) fn new() -> Self {
        Wanted(Arc::new(AtomicBool::new(true)))
    }

    pub(super) fn repeats(&self) -> RepeatCheck {
        RepeatCheck(Arc::clone(&self.0))
    }
}

impl Drop for Wanted {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

impl RepeatCheck {
    /// Runs `work` on the connection, and ends it early when it is not wanted any more. The connection is as fit as
    /// before in either case.
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
