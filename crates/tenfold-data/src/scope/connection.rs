//! The connection that a transaction holds, and what others may know of it.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::time::Instant;

use crate::driver::{Call, Deferred, DriverError, DriverTransaction, NotCommitted};
use crate::error::Source;
use crate::statement::CallSite;

/// The connection that a transaction holds; batches of loads inside it run here too.
#[doc(hidden)]
pub struct Connection {
    transaction: Arc<dyn DriverTransaction>,
    state: Ending,
    /// A statement failed, or nobody knows whether it did. PostgreSQL refuses whatever follows, and answers COMMIT with a
    /// silent rollback; SQLite would go on. Here both behave as the stricter one, and loudly.
    failed: AtomicBool,
    /// What runs before the next statement, or with COMMIT.
    deferred: Mutex<Vec<Deferred>>,
    limit: Duration,
    until: Instant,
}

impl Connection {
    /// From here on the transaction may be open for `limit`.
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
            state: Ending(Arc::new(state)),
            failed: AtomicBool::new(false),
            deferred: Mutex::default(),
            limit,
            until: Instant::now() + limit,
        }
    }

    /// Tells transactions of one process apart; never 0.
    pub(crate) fn number(&self) -> u64 {
        self.state.0.number
    }

    /// What becomes of the transaction, for those who keep what was seen in it.
    pub(crate) fn state(&self) -> &Arc<TransactionState> {
        &self.state.0
    }

    /// Notes that a statement is under way for as long as the result lives.
    pub(crate) fn occupy(&self) -> UnderWay<'_> {
        self.state.0.under_way.fetch_add(1, Ordering::AcqRel);
        UnderWay(&self.state.0.under_way)
    }

    pub(crate) async fn run<'a>(&'a self, call: Call<'a>) -> Result<u64, DriverError> {
        if Instant::now() >= self.until && self.state.0.expire(EXPIRED_AT_WORK) {
            self.transaction.give_up();
        }
        self.check_limit()?;
        if self.failed.load(Ordering::Acquire) {
            return Err(failed());
        }
        // Whoever drops this before the answer will not hear of it, and PostgreSQL answers COMMIT all the same.
        let unanswered = Unanswered(&self.failed);
        let result = self.transaction.run(call).await;
        std::mem::forget(unanswered);
        if result.is_err() {
            // What the driver says of a transaction that was taken from it is not what happened.
            self.check_limit()?;
            self.failed.store(true, Ordering::Release);
        }
        result
    }

    /// Rolls back at once what a failed statement has ended anyway.
    pub(crate) fn give_up_failed(&self) {
        if self.failed.load(Ordering::Acquire) {
            self.transaction.give_up();
        }
    }

    /// Lets a statement run before the next one, or with COMMIT.
    pub(crate) fn add_deferred(&self, deferred: Deferred) {
        self.deferred.lock().unwrap_or_else(PoisonError::into_inner).push(deferred);
    }

    /// The statements that have yet to run, for whoever runs them now.
    pub(crate) fn take_deferred(&self) -> Vec<Deferred> {
        std::mem::take(&mut *self.deferred.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Commits, with the last statements; says how long each of them took.
    pub(crate) async fn commit(self, deferred: Vec<Deferred>) -> Result<Vec<Duration>, NotCommitted> {
        self.check_limit()?;
        if self.failed.load(Ordering::Acquire) {
            return Err(failed().into());
        }
        if !self.state.0.turn(OPEN, COMMITTING) {
            return Err(self.past_limit().into());
        }
        let took = self.transaction.commit_with(deferred).await?;
        self.state.0.ending.store(COMMITTED, Ordering::Release);
        Ok(took)
    }

    /// Fails when the transaction was open for too long, and is not any more.
    pub(crate) fn check_limit(&self) -> Result<(), DriverError> {
        if self.state.0.is_expired() { Err(self.past_limit()) } else { Ok(()) }
    }

    fn past_limit(&self) -> DriverError {
        let state = &self.state.0;
        let spent = match state.ending.load(Ordering::Acquire) {
            EXPIRED_WAITING => "it waited for something that is not the database",
            _ => "its statements, and what was done between them, took that long",
        };
        DriverError::TransactionLimit { opened: state.opened, limit: self.limit, spent }
    }

    /// What ends the transaction at its limit, whether somebody polls it or not.
    pub(crate) fn at_limit(&self) -> impl Future<Output = ()> + Send + use<> {
        let (until, state) = (self.until, Arc::clone(&self.state.0));
        let transaction: Weak<dyn DriverTransaction> = Arc::downgrade(&self.transaction);
        async move {
            tokio::time::sleep_until(until).await;
            let is_at_work = state.under_way.load(Ordering::Acquire) > 0;
            state.expire(if is_at_work { EXPIRED_AT_WORK } else { EXPIRED_WAITING });
            while state.is_expired() {
                // Not kept over the pause: who drops the transaction meanwhile rolls it back as well.
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

/// A statement whose answer nobody knows yet; dropped, it has failed.
struct Unanswered<'a>(&'a AtomicBool);

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// The pause before asking again whether the statement that SQLite is at has ended.
const STATEMENT_PAUSE: Duration = Duration::from_millis(10);

/// A statement that is under way.
pub(crate) struct UnderWay<'a>(&'a AtomicUsize);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// What becomes of a transaction, and what it does until then.
pub(crate) struct TransactionState {
    number: u64,
    opened: CallSite,
    ending: AtomicU8,
    /// Statements of it that were sent and not answered yet.
    under_way: AtomicUsize,
    /// What its closure does.
    work: AtomicU8,
}

// How it ends. From `OPEN` there is one step, which either its owner takes or its limit.
const OPEN: u8 = 0;
const COMMITTING: u8 = 1;
const COMMITTED: u8 = 2;
const ROLLED_BACK: u8 = 3;
const EXPIRED_WAITING: u8 = 4;
const EXPIRED_AT_WORK: u8 = 5;

// What its closure does.
const RUNS: u8 = 0;
const WAITS: u8 = 1;
/// It waited for something that is not the database, and that was told.
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

    /// Whether this was the step that ended it.
    fn expire(&self, how: u8) -> bool {
        self.turn(OPEN, how)
    }

    fn turn(&self, from: u8, to: u8) -> bool {
        self.ending.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Who opened the transaction.
    pub(crate) fn opened(&self) -> CallSite {
        self.opened
    }

    /// Notes whether the closure returned `Pending` to the driver of its scope. Once it was told of, it is left alone.
    pub(crate) fn set_waiting(&self, waits: bool) {
        let (from, to) = if waits { (RUNS, WAITS) } else { (WAITS, RUNS) };
        let _ = self.work.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Whether the closure waits, and not for a statement.
    pub(crate) fn waits_outside(&self) -> bool {
        self.work.load(Ordering::Acquire) == WAITS && self.under_way.load(Ordering::Acquire) == 0
    }

    /// Whether it does, for the one who tells of it.
    pub(crate) fn take_waiting(&self) -> bool {
        self.waits_outside()
            && self.work.compare_exchange(WAITS, TOLD, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// Goes with the connection, and notes a rollback unless the transaction has ended before.
struct Ending(Arc<TransactionState>);

impl Drop for Ending {
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
