//! A transaction: a savepoint in the group, and how it is committed with the rest.

use std::cell::Cell;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use rusqlite::Connection;
use tokio::sync::{OwnedMutexGuard, oneshot};
use tokio::task::coop;

use super::super::{Call, Deferred, DriverTransaction, NotCommitted, Params, Unsettled};
use super::connection::{classify, execute, run_statement};
use super::group::{GroupMember, GroupState};
use super::writer::Queue;
use crate::driver::DriverError;
use crate::error::Source;

/// A savepoint in the open group. It holds the writer until it is committed, given up or dropped.
pub(super) struct SqliteTransaction(Mutex<Option<OpenSavepoint>>);

struct OpenSavepoint {
    guard: OwnedMutexGuard<GroupState>,
    queue: Arc<Queue>,
}

impl SqliteTransaction {
    /// Opens a savepoint in the open group.
    pub(super) fn open(
        mut guard: OwnedMutexGuard<GroupState>,
        queue: &Arc<Queue>,
    ) -> Result<Self, DriverError> {
        if let Err(error) = execute(&guard.connection, "SAVEPOINT member") {
            let error = guard.check_group(classify(&error));
            guard.end_empty_group();
            return Err(error);
        }
        Ok(SqliteTransaction(Mutex::new(Some(OpenSavepoint { guard, queue: Arc::clone(queue) }))))
    }

    fn with<T>(&self, work: impl FnOnce(&Connection) -> Result<T, DriverError>) -> Result<T, DriverError> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.as_mut().map_or_else(|| Err(ended()), |open| open.with(work))
    }
}

impl OpenSavepoint {
    /// Runs `work` on the connection if the group that the savepoint belongs to is still alive.
    fn with<T>(
        &mut self,
        work: impl FnOnce(&Connection) -> Result<T, DriverError>,
    ) -> Result<T, DriverError> {
        if self.guard.group.is_none() {
            return Err(ended());
        }
        work(&self.guard.connection).map_err(|error| self.guard.check_group(error))
    }

    /// Runs the deferred statements, and releases the savepoint. Returns how long each statement took.
    fn finish(&mut self, deferred: Vec<Deferred>) -> Result<Vec<Duration>, NotCommitted> {
        let mut took = Vec::with_capacity(deferred.len());
        for (index, Deferred { statement, sets, tenant, .. }) in deferred.into_iter().enumerate() {
            let started = Instant::now();
            let call =
                Call { statement, params: Params::of(&sets), tenant, deadline: None, sink: &mut |_| Ok(()) };
            self.with(|connection| run_statement(connection, call))
                .map_err(|error| NotCommitted { deferred: Some(index), error })?;
            took.push(started.elapsed());
        }
        self.with(|connection| execute(connection, "RELEASE member").map_err(|error| classify(&error)))?;
        Ok(took)
    }

    /// Joins the group and releases the writer. Returns the receiver of the COMMIT's result.
    fn join(
        mut self,
        mut unsettled: Unsettled,
    ) -> Result<oneshot::Receiver<Result<(), DriverError>>, DriverError> {
        let (caller, told) = oneshot::channel();
        let Some(members) = &mut self.guard.group else { return Err(ended()) };
        unsettled.mark_sent();
        members.push(GroupMember { caller, unsettled });
        if members.len() == 1 {
            self.queue.see_to_commit();
        }
        if self.queue.is_awaited() {
            exhaust_coop_budget();
        }
        Ok(told)
    }

    /// Rolls back to the savepoint, if its group is still alive.
    fn roll_back(mut self) {
        self.guard.roll_back_member();
    }
}

/// On every third hand-over of the writer, the task uses up its coop budget. The next writer, when woken, then goes to
/// the back of this thread's run queue. It would go there anyway, because tokio runs at most three tasks in a row that
/// wake each other. But tokio would then also wake another thread, which steals the task or finds nothing. That takes
/// longer than a small transaction, and SQLite's memory moves from core to core.
fn exhaust_coop_budget() {
    thread_local! {
        static TURN: Cell<u8> = const { Cell::new(0) };
    }
    let turn = TURN.get();
    TURN.set((turn + 1) % 3);
    if turn < 2 {
        return;
    }
    let mut cx = Context::from_waker(Waker::noop());
    // In an unconstrained task the budget never ends.
    for _ in 0..BUDGET {
        if !coop::has_budget_remaining() || pin!(coop::consume_budget()).poll(&mut cx).is_pending() {
            break;
        }
    }
}

/// The coop budget that tokio gives a task.
const BUDGET: usize = 128;

impl DriverTransaction for SqliteTransaction {
    fn run<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<u64, DriverError>> {
        Box::pin(std::future::ready(self.with(|connection| run_statement(connection, call))))
    }

    fn script<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<(), DriverError>> {
        let run = |connection: &Connection| connection.execute_batch(sql).map_err(|error| classify(&error));
        Box::pin(std::future::ready(self.with(run)))
    }

    fn commit_with(
        &self,
        deferred: Vec<Deferred>,
        unsettled: Unsettled,
    ) -> BoxFuture<'_, Result<Vec<Duration>, NotCommitted>> {
        Box::pin(async move {
            let open = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
            let mut open = open.ok_or_else(ended)?;
            let took = match open.finish(deferred) {
                Ok(took) => took,
                Err(error) => {
                    open.roll_back();
                    return Err(error);
                }
            };
            let told = open.join(unsettled)?;
            // With its coop budget used up, the task would otherwise be polled once more for nothing.
            let told = coop::unconstrained(told).await.unwrap_or_else(|_| {
                Err(DriverError::OutcomeUnknown(Source::new("the task that was to commit it has ended")))
            });
            Ok(told.map(|()| took)?)
        })
    }

    fn give_up(&self) -> bool {
        // Waiting here would block a thread of the runtime for as long as the statement takes.
        let open = match self.0.try_lock() {
            Ok(mut open) => open.take(),
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner().take(),
            Err(TryLockError::WouldBlock) => return false,
        };
        open.into_iter().for_each(OpenSavepoint::roll_back);
        true
    }
}

fn ended() -> DriverError {
    DriverError::GroupLost(Source::new("an earlier statement ended the transaction"))
}

impl Drop for SqliteTransaction {
    fn drop(&mut self) {
        let open = self.0.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        open.into_iter().for_each(OpenSavepoint::roll_back);
    }
}
