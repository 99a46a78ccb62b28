//! How a scope commits a transaction, with the statements that are sent together with COMMIT.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Scope;
use super::connection::Connection;
use super::run::StatementEnd;
use super::timed::{StatementTime, TimedCall};
use crate::driver::NotCommitted;
use crate::error::DataError;
use crate::statement::{Boundary, CallSite, Dialect, Outcome, Statement, TransactionRecord};
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
        let committing = self.begin_commit(site, &deferred);
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
            Outcome::of(&result),
        );
        match result {
            Ok(_) => {
                for ((statement, site, rows), time) in deferred.into_iter().zip(times) {
                    self.record(statement, site, time, StatementEnd::Answered(rows));
                }
                Ok(())
            }
            Err(NotCommitted { deferred: Some(refused), error }) => {
                // It is unknown whether the statements after it ran, so they are not reported.
                for &(statement, site, rows) in &deferred[..refused] {
                    self.record(statement, site, whole.into(), StatementEnd::Answered(rows));
                }
                let (statement, site, _) = deferred[refused];
                self.record(statement, site, whole.into(), StatementEnd::Failed);
                Err(self.explain(None, statement, site, error).await)
            }
            Err(NotCommitted { deferred: None, error }) => Err(error.at(Boundary::Commit.name(), site)),
        }
    }

    /// A transaction that is opened at this line is about to begin.
    pub(crate) fn begin_opening(&self, site: CallSite) -> TimedCall<'_, impl FnOnce(StatementTime)> {
        let boundary = (Boundary::Begin, site);
        self.begin_call(DatabaseCall::Boundary(boundary.0), site, WaitMeter::opening(site), move |took| {
            self.record_boundary(boundary, took.into(), Outcome::GivenUp);
        })
    }

    /// COMMIT is about to be sent, with these statements. While it has no answer it is the first of them that is under way: which one the database
    /// works on is not known.
    fn begin_commit<'a>(
        &'a self,
        site: CallSite,
        deferred: &'a [DeferredStatement],
    ) -> TimedCall<'a, impl FnOnce(StatementTime)> {
        let (call, at) = match deferred.first() {
            Some((statement, at, _)) => (DatabaseCall::Statement(statement.name.clone()), *at),
            None => (DatabaseCall::Boundary(Boundary::Commit), site),
        };
        self.begin_call(call, at, WaitMeter::default(), move |took| {
            let mut boundary = BoundaryTime::from(took);
            if let Some((statement, at, _)) = deferred.first() {
                boundary.statements = boundary.elapsed;
                let waits = std::mem::take(&mut boundary.waits);
                let took = StatementTime { elapsed: boundary.elapsed, waits };
                self.record(statement, at, took, StatementEnd::GivenUp);
            }
            self.record_boundary((Boundary::Commit, site), boundary, Outcome::GivenUp);
        })
    }

    /// Tells the observers that a transaction has begun, or was committed.
    pub(crate) fn record_boundary(
        &self,
        (boundary, site): (Boundary, CallSite),
        time: BoundaryTime,
        outcome: Outcome,
    ) {
        let BoundaryTime { elapsed, statements, waits } = time;
        let record =
            TransactionRecord { boundary, trace: self.trace, site, elapsed, statements, waits, outcome };
        for observer in self.database.observers() {
            observer.transaction(&record);
        }
    }
}

/// A statement that is sent with COMMIT, the line that sends it, and how many rows it stores.
type DeferredStatement = (&'static Statement, CallSite, u64);

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
