//! The connection that a transaction holds, and the state that others may read.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::time::Instant;

use super::deferred::DeferredRows;
use crate::driver::{Call, Deferred, DriverError, DriverTransaction, NotCommitted, UnderWay, Unsettled};
use crate::error::Source;
use crate::feed::write_set::WriteSet;
use crate::statement::{CallSite, Dialect};
use crate::waited::WaitMeter;

/// The connection that a transaction holds. Batches of loads inside the transaction run here too.
#[doc(hidden)]
pub struct Connection {
    transaction: Arc<dyn DriverTransaction>,
    state: RollbackNote,
    /// A statement failed, or its outcome is unknown. PostgreSQL then refuses every further statement, and answers
    /// COMMIT with a silent rollback; SQLite would continue. Here both behave like the stricter one and return an
    /// error.
    failed: AtomicBool,
    /// Rows that are stored before the next statement, or with COMMIT.
    deferred: Mutex<Vec<DeferredRows>>,
    /// What the statements have changed.
    writes: Mutex<WriteSet>,
    limit: Duration,
    until: Instant,
}

impl Connection {
    /// From now on the transaction may stay open for `limit`.
    pub(crate) fn new(transaction: Arc<dyn DriverTransaction>, opened: CallSite, limit: Duration) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let state = TransactionState {
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
            opened,
            ending: AtomicU8::new(OPEN),
            under_way: AtomicUsize::new(0),
            work: AtomicU8::new(RUNS),
        };
        Connection {
            transaction,
            state: RollbackNote(Arc::new(state)),
            failed: AtomicBool::new(false),
            deferred: Mutex::default(),
            writes: Mutex::default(),
            limit,
            until: Instant::now() + limit,
        }
    }

    /// Tells transactions of one process apart; never 0.
    pub(crate) fn number(&self) -> u64 {
        self.state.0.number
    }

    /// The state of the transaction, for those that keep what was read in it.
    pub(crate) fn state(&self) -> &Arc<TransactionState> {
        &self.state.0
    }

    /// Counts a statement as under way for as long as the result lives.
    pub(crate) fn occupy(&self) -> UnderWay<'_> {
        UnderWay::count(&self.state.0.under_way)
    }

    /// Runs a statement. `meter` is told what it waits for.
    pub(crate) async fn run<'a>(&'a self, call: Call<'a>, meter: &WaitMeter) -> Result<u64, DriverError> {
        if Instant::now() >= self.until && self.state.0.expire(EXPIRED_AT_WORK) {
            self.transaction.give_up();
        }
        self.check_limit()?;
        if self.failed.load(Ordering::Acquire) {
            return Err(failed());
        }
        // A caller that drops this future before the answer never sees the outcome, and PostgreSQL answers COMMIT
        // anyway.
        let unanswered = Unanswered(&self.failed);
        let locks = self.transaction.lock_counter().map(|counter| counter.report_to(meter));
        let result = self.transaction.run(call).await;
        drop(locks);
        std::mem::forget(unanswered);
        if result.is_err() {
            // After the limit ended the transaction, the driver's error is not the cause.
            self.check_limit()?;
            self.failed.store(true, Ordering::Release);
        }
        result
    }

    /// Rolls back at once a transaction that a failed statement has ended anyway.
    pub(crate) fn give_up_failed(&self) {
        if self.failed.load(Ordering::Acquire) {
            self.transaction.give_up();
        }
    }

    /// Keeps rows to be stored before the next statement, or with COMMIT.
    pub(crate) fn add_deferred(&self, rows: DeferredRows) {
        let mut deferred = self.deferred.lock().unwrap_or_else(PoisonError::into_inner);
        match deferred.last_mut() {
            Some(last) if last.has_room_for(&rows) => last.join(rows),
            _ => deferred.push(rows),
        }
    }

    /// Takes the statements that have yet to run; the caller runs them.
    pub(crate) fn take_deferred(&self, dialect: Dialect) -> Vec<Deferred> {
        let deferred = std::mem::take(&mut *self.deferred.lock().unwrap_or_else(PoisonError::into_inner));
        deferred.into_iter().map(|rows| rows.statement(dialect)).collect()
    }

    /// What the transaction has changed so far.
    pub(crate) fn writes(&self) -> MutexGuard<'_, WriteSet> {
        self.writes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commits, with the last statements. Returns how long each of them took. `unsettled` is told how it ended, and `meter` what it
    /// waited for.
    pub(crate) async fn commit(
        self,
        deferred: Vec<Deferred>,
        unsettled: Unsettled,
        meter: &WaitMeter,
    ) -> Result<Vec<Duration>, NotCommitted> {
        self.check_limit()?;
        if self.failed.load(Ordering::Acquire) {
            return Err(failed().into());
        }
        if !self.state.0.turn(OPEN, COMMITTING) {
            return Err(self.past_limit().into());
        }
        let _locks = self.transaction.lock_counter().map(|counter| counter.report_to(meter));
        let took = self.transaction.commit_with(deferred, unsettled).await?;
        self.state.0.ending.store(COMMITTED, Ordering::Release);
        Ok(took)
    }

    /// Fails when the transaction reached its limit and was ended.
    pub(crate) fn check_limit(&self) -> Result<(), DriverError> {
        if self.state.0.is_expired() { Err(self.past_limit()) } else { Ok(()) }
    }

    fn past_limit(&self) -> DriverError {
        let state = &self.state.0;
        let spent = match state.ending.load(Ordering::Acquire) {
            EXPIRED_WAITING => "it waited for something that is not the database",
            _ => "its statements (waits for locks included) and what was done between them took that long",
        };
        DriverError::TransactionLimit { opened: state.opened, limit: self.limit, spent }
    }

    /// Ends the transaction at its limit, whether or not its own future is polled.
    pub(crate) fn at_limit(&self) -> impl Future<Output = ()> + Send + use<> {
        let (until, state) = (self.until, Arc::clone(&self.state.0));
        let transaction: Weak<dyn DriverTransaction> = Arc::downgrade(&self.transaction);
        async move {
            tokio::time::sleep_until(until).await;
            state.expire(if state.is_told_to_wait() { EXPIRED_WAITING } else { EXPIRED_AT_WORK });
            while state.is_expired() {
                // Not held during the pause: dropping the transaction meanwhile must roll it back.
                let Some(transaction) = transaction.upgrade() else { return };
                if transaction.give_up() {
                    return;
                }
                drop(transaction);
                tokio::time::sleep(STATEMENT_PAUSE).await;
            }
        }
    }
}

/// A statement whose answer has not come yet; dropping it counts as a failure.
struct Unanswered<'a>(&'a AtomicBool);

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// How long to wait before checking again whether SQLite's current statement has ended.
const STATEMENT_PAUSE: Duration = Duration::from_millis(10);

/// How a transaction ends, and what it does until then.
pub(crate) struct TransactionState {
    number: u64,
    opened: CallSite,
    ending: AtomicU8,
    /// Statements of the transaction that were sent and not answered yet.
    under_way: AtomicUsize,
    /// What the transaction's closure does.
    work: AtomicU8,
}

// How the transaction ends. Only one step leads out of `OPEN`; either the owner takes it or the limit.
const OPEN: u8 = 0;
const COMMITTING: u8 = 1;
const COMMITTED: u8 = 2;
const ROLLED_BACK: u8 = 3;
const EXPIRED_WAITING: u8 = 4;
const EXPIRED_AT_WORK: u8 = 5;

// What the transaction's closure does.
const RUNS: u8 = 0;
const WAITS: u8 = 1;
/// It waited for something other than the database, and this was reported.
const TOLD: u8 = 2;

impl TransactionState {
    pub(crate) fn is_committed(&self) -> bool {
        self.ending.load(Ordering::Acquire) == COMMITTED
    }

    pub(crate) fn is_rolled_back(&self) -> bool {
        self.ending.load(Ordering::Acquire) >= ROLLED_BACK
    }

    fn is_expired(&self) -> bool {
        self.ending.load(Ordering::Acquire) > ROLLED_BACK
    }

    /// Ends the transaction at its limit. Returns whether this call ended it.
    fn expire(&self, how: u8) -> bool {
        self.turn(OPEN, how)
    }

    fn turn(&self, from: u8, to: u8) -> bool {
        self.ending.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Where the transaction was opened.
    pub(crate) fn opened(&self) -> CallSite {
        self.opened
    }

    /// Notes whether the closure returned `Pending` to the driver of its scope. Once a wait was reported, the note no
    /// longer changes.
    pub(crate) fn set_waiting(&self, waits: bool) {
        let (from, to) = if waits { (RUNS, WAITS) } else { (WAITS, RUNS) };
        let _ = self.work.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Whether the closure waits, and not for a statement.
    pub(crate) fn waits_outside(&self) -> bool {
        self.work.load(Ordering::Acquire) == WAITS && self.under_way.load(Ordering::Acquire) == 0
    }

    /// Whether a wait was reported, and no statement is under way. Without a report the closure may be about to go on:
    /// between an answer and the next statement nothing is under way either.
    fn is_told_to_wait(&self) -> bool {
        self.work.load(Ordering::Acquire) == TOLD && self.under_way.load(Ordering::Acquire) == 0
    }

    /// Whether the closure waits outside the database and this was not reported yet. Marks it as reported.
    pub(crate) fn take_waiting(&self) -> bool {
        self.waits_outside()
            && self.work.compare_exchange(WAITS, TOLD, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// Belongs to the connection. Notes a rollback when dropped, unless the transaction ended before.
struct RollbackNote(Arc<TransactionState>);

impl Drop for RollbackNote {
    fn drop(&mut self) {
        let _ = self.0.turn(OPEN, ROLLED_BACK) || self.0.turn(COMMITTING, ROLLED_BACK);
    }
}

fn failed() -> DriverError {
    DriverError::Other(Source::new(
        "an earlier statement of this transaction failed, or was dropped before its answer came, so nothing of it can be \
         stored: return that error",
    ))
}
