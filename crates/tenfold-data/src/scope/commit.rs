//! How a scope commits a transaction, with the statements that are sent together with COMMIT.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::Scope;
use super::connection::Connection;
use crate::driver::NotCommitted;
use crate::error::DataError;
use crate::statement::{Boundary, CallSite, Outcome, TransactionRecord};
use crate::waited::{DatabaseWaits, WaitMeter};

impl Scope {
    /// Commits the transaction that was opened at `site`. The statements sent with COMMIT have passed the same checks
    /// as any other; they are counted and reported here.
    pub(crate) async fn commit(&self, connection: Connection, site: CallSite) -> Result<(), DataError> {
        let values = connection.take_deferred(self.database.dialect());
        let deferred: Vec<_> =
            values.iter().map(|deferred| (deferred.statement, deferred.site, deferred.rows)).collect();
        let writes = std::mem::take(&mut *connection.writes());
        if !writes.is_empty() {
            self.has_written.store(true, Ordering::Relaxed);
        }
        let unsettled = self.database.hub().fence(writes);
        let started = Instant::now();
        let meter = WaitMeter::default();
        let result = connection.commit(values, unsettled, &meter).await;
        let whole = started.elapsed();
        self.record_boundary(Boundary::Commit, site, (whole, meter.into_waits()), result.is_ok());
        match result {
            Ok(took) => {
                for ((statement, site, rows), took) in deferred.into_iter().zip(took) {
                    self.record(statement, site, took.into(), Some(rows));
                }
                Ok(())
            }
            Err(NotCommitted { deferred: Some(refused), error }) => {
                // It is unknown whether the statements after it ran, so they are not reported.
                for &(statement, site, rows) in &deferred[..refused] {
                    self.record(statement, site, whole.into(), Some(rows));
                }
                let (statement, site, _) = deferred[refused];
                self.record(statement, site, whole.into(), None);
                Err(self.explain(None, statement, site, error).await)
            }
            Err(NotCommitted { deferred: None, error }) => Err(error.at(Boundary::Commit.name(), site)),
        }
    }

    /// Tells the observers that a transaction has begun, or was committed: how long that took, and what it waited for.
    pub(crate) fn record_boundary(
        &self,
        boundary: Boundary,
        site: CallSite,
        (elapsed, waits): (Duration, DatabaseWaits),
        is_done: bool,
    ) {
        let outcome = if is_done { Outcome::Ok } else { Outcome::Failed };
        let record = TransactionRecord { boundary, trace: self.trace, site, elapsed, waits, outcome };
        for observer in self.database.observers() {
            observer.transaction(&record);
        }
    }
}
