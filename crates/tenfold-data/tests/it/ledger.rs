//! What the observer received: every statement with its name, its rows and its call site.

use std::panic::Location;
use std::sync::{Mutex, PoisonError};

use tenfold_data::{Observer, RepeatedRecord, StatementRecord, TransactionRecord, WaitRecord};

/// Collects the records of one database.
#[derive(Default)]
pub struct StatementLedger(
    Mutex<Vec<StatementRecord>>,
    Mutex<Vec<RepeatedRecord>>,
    Mutex<Vec<WaitRecord>>,
    Mutex<Vec<TransactionRecord>>,
);

impl Observer for StatementLedger {
    fn statement(&self, record: &StatementRecord) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(record.clone());
    }

    fn repeated(&self, record: &RepeatedRecord) {
        self.1.lock().unwrap_or_else(PoisonError::into_inner).push(record.clone());
    }

    fn transaction(&self, record: &TransactionRecord) {
        self.3.lock().unwrap_or_else(PoisonError::into_inner).push(record.clone());
    }

    fn wants_callers(&self) -> bool {
        true
    }

    fn waited(&self, record: &WaitRecord) {
        self.2.lock().unwrap_or_else(PoisonError::into_inner).push(record.clone());
    }
}

impl StatementLedger {
    /// The N+1s since the last time.
    pub fn take_repeated(&self) -> Vec<RepeatedRecord> {
        std::mem::take(&mut *self.1.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The transactions since the last time that waited for something other than the database.
    pub fn take_waited(&self) -> Vec<WaitRecord> {
        std::mem::take(&mut *self.2.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The beginnings and ends of transactions since the last time.
    pub fn take_boundaries(&self) -> Vec<TransactionRecord> {
        std::mem::take(&mut *self.3.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The records since the last time, in the order in which the statements ended.
    pub fn take(&self) -> Vec<StatementRecord> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The statements' names, sorted: those of one flush run concurrently and end in any order.
pub fn names(records: &[StatementRecord]) -> Vec<&str> {
    let mut names: Vec<_> = records.iter().map(|record| &*record.name).collect();
    names.sort_unstable();
    names
}

/// The number of rows that the statement called `name` read, over all its runs.
pub fn rows_of(records: &[StatementRecord], name: &str) -> u64 {
    records.iter().filter(|record| record.name == name).map(|record| record.rows).sum()
}

/// The call site of the one statement called `name`.
pub fn site_of(records: &[StatementRecord], name: &str) -> (&'static str, u32) {
    let found: Vec<_> = records.iter().filter(|record| record.name == name).collect();
    assert_eq!(found.len(), 1, "{name} ran once among {:?}", names(records));
    (found[0].site.file(), found[0].site.line())
}

/// The line below this one, for a call that is too long for the same line as [`here`].
#[track_caller]
pub fn next_line() -> (&'static str, u32) {
    let site = Location::caller();
    (site.file(), site.line() + 1)
}

/// This line of the test, as a call site has it.
#[track_caller]
pub fn here() -> (&'static str, u32) {
    let site = Location::caller();
    (site.file(), site.line())
}
