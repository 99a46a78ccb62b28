//! How a scope commits a transaction, with the statements that are sent together with COMMIT.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Scope;
use super::connection::Connection;
use super::timed::{StatementTime, TimedCall};
use crate::driver::NotCommitted;
use crate::error::DataError;
use crate::statement::{Boundary, CallSite, Dialect, Outcome, TransactionRecord};
use crate::under_way::DatabaseCall;
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
        let committing = self.reach((Boundary::Commit, site), WaitMeter::default());
        let result = connection.commit(values, unsettled, committing.meter()).await;
        let StatementTime { elapsed: whole, waits } = committing.end();
        let times = match &result {
            Ok(took) => own_times(took, waits.clone(), self.database.dialect()),
            Err(_) => Vec::new(),
        };
        let statements = times.iter().map(|time| time.elapsed).sum();
        // They report what they waited for.
        let waits = if times.is_empty() { waits } else { DatabaseWaits::default() };
        self.record_boundary(
            (Boundary::Commit, site),
            BoundaryTime { elapsed: whole, statements, waits },
            result.is_ok(),
        );
        match result {
            Ok(_) => {
                for ((statement, site, rows), time) in deferred.into_iter().zip(times) {
                    self.record(statement, site, time, Some(rows));
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

    /// A transaction is about to begin, or to be committed. If that is given up, the observers are told.
    pub(crate) fn reach(
        &self,
        boundary: (Boundary, CallSite),
        meter: WaitMeter,
    ) -> TimedCall<'_, impl FnOnce(StatementTime)> {
        let (call, site) = (DatabaseCall::Boundary(boundary.0), boundary.1);
        self.send(call, site, meter, move |took| self.record_boundary(boundary, took.into(), false))
    }

    /// Tells the observers that a transaction has begun, or was committed.
    pub(crate) fn record_boundary(
        &self,
        (boundary, site): (Boundary, CallSite),
        time: BoundaryTime,
        is_done: bool,
    ) {
        let BoundaryTime { elapsed, statements, waits } = time;
        let outcome = if is_done { Outcome::Ok } else { Outcome::Failed };
        let record =
            TransactionRecord { boundary, trace: self.trace, site, elapsed, statements, waits, outcome };
        for observer in self.database.observers() {
            observer.transaction(&record);
        }
    }
}

/// How long the beginning or the end of a transaction took, what of it were statements, and what were waits.
pub(crate) struct BoundaryTime {
    pub elapsed: Duration,
    pub statements: Duration,
    pub waits: DatabaseWaits,
}

impl From<StatementTime> for BoundaryTime {
    fn from(StatementTime { elapsed, waits }: StatementTime) -> Self {
        BoundaryTime { elapsed, statements: Duration::ZERO, waits }
    }
}

/// The time of each statement that was sent with COMMIT, so that they add up to the time of all of them. What was waited for counts to
/// the longest.
fn own_times(took: &[Duration], waits: DatabaseWaits, dialect: Dialect) -> Vec<StatementTime> {
    let mut answered = Duration::ZERO;
    let mut times: Vec<StatementTime> = Vec::with_capacity(took.len());
    for took in took {
        // PostgreSQL gets all of them at once, and answers one after the other.
        let own = if dialect == Dialect::Postgres { took.saturating_sub(answered) } else { *took };
        answered = answered.max(*took);
        times.push(own.into());
    }
    if let Some(longest) = times.iter_mut().max_by_key(|time| time.elapsed) {
        longest.waits = waits;
    }
    times
}
