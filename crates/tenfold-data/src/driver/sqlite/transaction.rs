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

use super::super::{Call, Deferred, DriverTransaction, NotCommitted, Params};
use super::connection::{classify, execute, run_statement};
use super::group::State;
use super::writer::Queue;
use crate::driver::DriverError;
use crate::error::Source;

/// A savepoint in the open group. It holds the writer until it is committed, given up or dropped.
pub(super) struct SqliteTransaction(Mutex<Option<Open>>);

struct Open {
    guard: OwnedMutexGuard<State>,
    queue: Arc<Queue>,
}

impl SqliteTransaction {
    /// Opens a savepoint in the group, which is open.
    pub(super) fn open(mut guard: OwnedMutexGuard<State>, queue: &Arc<Queue>) -> Result<Self, DriverError> {
        if let Err(error) = execute(&guard.connection, "SAVEPOINT member") {
            let error = guard.check_group(classify(&error));
            guard.end_empty_group();
            return Err(error);
        }
        Ok(SqliteTransaction(Mutex::new(Some(Open { guard, queue: Arc::clone(queue) }))))
    }

    fn with<T>(&self, work: impl FnOnce(&Connection) -> Result<T, DriverError>) -> Result<T, DriverError> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.as_mut().map_or_else(|| Err(ended()), |open| open.with(work))
    }
}

impl Open {
    /// Works on the connection while the group that the savepoint belongs to is alive.
    fn with<T>(
        &mut self,
        work: impl FnOnce(&Connection) -> Result<T, DriverError>,
    ) -> Result<T, DriverError> {
        if self.guard.group.is_none() {
            return Err(ended());
        }
        work(&self.guard.connection).map_err(|error| self.guard.check_group(error))
    }

    /// Runs what is to be stored with the rest, and ends the savepoint; says how long each statement took.
    fn finish(&mut self, deferred: Vec<Deferred>) -> Result<Vec<Duration>, NotCommitted> {
        let mut took = Vec::with_capacity(deferred.len());
        for (index, Deferred { statement, params, tenant, .. }) in deferred.into_iter().enumerate() {
            let started = Instant::now();
            let call = Call {
                statement,
                params: Params::One(&params),
                tenant,
                deadline: None,
                sink: &mut |_| Ok(()),
            };
            self.with(|connection| run_statement(connection, call))
                .map_err(|error| NotCommitted { deferred: Some(index), error })?;
            took.push(started.elapsed());
        }
        self.with(|connection| execute(connection, "RELEASE member").map_err(|error| classify(&error)))?;
        Ok(took)
    }

    /// Becomes a member of the group and lets the next writer in; gives what tells of the COMMIT.
    fn join(mut self) -> Result<oneshot::Receiver<Result<(), DriverError>>, DriverError> {
        let (acknowledge, told) = oneshot::channel();
        let Some(members) = &mut self.guard.group else { return Err(ended()) };
        members.push(acknowledge);
        if members.len() == 1 {
            self.queue.see_to_commit();
        }
        if self.queue.is_awaited() {
            spare_a_thread();
        }
        Ok(told)
    }

    /// Ends the savepoint, if its group is still alive, as if it had never been.
    fn roll_back(mut self) {
        self.guard.roll_back_member();
    }
}

/// Of those who hand the writer on to the next, every third uses up what tokio lets a task do before others have their turn.
/// Whoever is woken then is put behind this thread's other tasks. So he would be without this, too, but another thread
/// would be woken as well, since tokio runs at most three in a row who wake each other. It comes to steal him, or finds
/// nothing: that takes longer than a small transaction, and SQLite's memory moves from core to core.
fn spare_a_thread() {
    thread_local! {
        static TURN: Cell<u8> = const { Cell::new(0) };
    }
    let turn = TURN.get();
    TURN.set((turn + 1) % 3);
    if turn < 2 {
        return;
    }
    let mut cx = Context::from_waker(Waker::noop());
    // Of a task that is not to be held up, the budget never ends.
    for _ in 0..BUDGET {
        if !coop::has_budget_remaining() || pin!(coop::consume_budget()).poll(&mut cx).is_pending() {
            break;
        }
    }
}

/// What tokio lets a task do at most.
const BUDGET: usize = 128;

impl DriverTransaction for SqliteTransaction {
    fn run<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<u64, DriverError>> {
        Box::pin(std::future::ready(self.with(|connection| run_statement(connection, call))))
    }

    fn script<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<(), DriverError>> {
        let run = |connection: &Connection| connection.execute_batch(sql).map_err(|error| classify(&error));
        Box::pin(std::future::ready(self.with(run)))
    }

    fn commit_with(&self, deferred: Vec<Deferred>) -> BoxFuture<'_, Result<Vec<Duration>, NotCommitted>> {
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
            let told = open.join()?;
            // Else a turn that is used up would have him polled once more for nothing.
            let told = coop::unconstrained(told).await.unwrap_or_else(|_| {
                Err(DriverError::OutcomeUnknown(Source::new("whoever was to commit it has ended")))
            });
            Ok(told.map(|()| took)?)
        })
    }

    fn give_up(&self) -> bool {
        // Who waited here would hold a thread of the runtime for as long as the statement takes.
        let open = match self.0.try_lock() {
            Ok(mut open) => open.take(),
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner().take(),
            Err(TryLockError::WouldBlock) => return false,
        };
        open.into_iter().for_each(Open::roll_back);
        true
    }
}

fn ended() -> DriverError {
    DriverError::GroupLost(Source::new("an earlier statement ended the transaction"))
}

impl Drop for SqliteTransaction {
    fn drop(&mut self) {
        let open = self.0.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        open.into_iter().for_each(Open::roll_back);
    }
}
