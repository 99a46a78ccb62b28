//! SQLite's one writer, with group commit.
//!
//! At `synchronous=FULL` a commit waits for the disk. So each transaction is a savepoint inside one outer transaction.
//! Consecutive savepoints share one COMMIT and are acknowledged after it. The queue is a fair async mutex; statements
//! run inline under it. The first member of a group starts a task that commits the group once no other task can write
//! ([`GroupCommit`]). The member does not do this itself, because its future may be dropped, or not polled any more.
//! Readers see nothing before the COMMIT.
//!
//! A COMMIT blocks a thread of the runtime until the disk has answered. If COMMITs have lately taken longer than
//! `database.commit_inline_limit`, or there is no runtime, a separate thread does it.
//!
//! Traps, each with a test: an error (a full disk, for example) may end the whole outer transaction, and with it the
//! other members' released savepoints; all members of the group are told. A deferred foreign key would pass RELEASE and
//! fail the COMMIT of the whole group; migrations refuse it. For the same reason a statement is never interrupted.
//!
//! A second thread moves the log into the database once it is long, see `log.rs`.
//!
//! A transaction that holds the writer blocks all transactions behind it, and the committing task too. So a transaction
//! is given up after `database.transaction_limit`. An acknowledgement therefore comes at the latest when each
//! transaction ahead of the committing task has had that much time. There is one wait without a bound: a transaction
//! that gets the writer but is not polled blocks the others until it is polled or dropped.

use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::sync::{Arc, Mutex as StdMutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::task::coop::unconstrained;
use tokio::time::Instant;

use super::super::before;
use super::connection::classify;
use super::group::GroupState;
use super::holder::WriterHolder;
use super::log::WriteAheadLog;
use super::transaction::SqliteTransaction;
use crate::driver::{DriverError, Leader, LeaderEnd, SqliteSettings, start};
use crate::waited::WaitMeter;

/// How often idle readers' snapshots are released. Another process cannot request it, and may have to wait for it
/// before it can restart its log. At the same interval the thread looks for a group that no task commits.
const IDLE: Duration = Duration::from_secs(1);

pub(super) struct Writer {
    queue: Arc<Queue>,
    threads: StdMutex<Vec<JoinHandle<()>>>,
    max_waiting: usize,
}

/// The queue of transactions for the writer.
pub(super) struct Queue {
    /// Declared before `state`, so that the writer is closed last: SQLite then moves the log into the database, which a
    /// reader may not do.
    log: Option<WriteAheadLog>,
    state: Arc<Mutex<GroupState>>,
    /// How many transactions wait in the queue, not counting tasks that wait to commit.
    waiting: AtomicUsize,
    holder: WriterHolder,
    /// How many COMMITs in a row had one member, with no transaction waiting.
    alone: AtomicU32,
    /// A moving average of a COMMIT's duration, in microseconds.
    commit_takes: AtomicU64,
    commit_inline_limit: Duration,
    /// Wake the thread that commits, and the one that moves the log.
    to_commit: ThreadWaker,
    to_move: ThreadWaker,
}

/// Wakes a thread; `None` once the database is closing.
struct ThreadWaker(StdMutex<Option<SyncSender<()>>>);

impl ThreadWaker {
    fn new() -> (Self, Receiver<()>) {
        // Room for one call is enough: the pending call serves any further one.
        let (call, calls) = mpsc::sync_channel(1);
        (ThreadWaker(StdMutex::new(Some(call))), calls)
    }

    /// Returns `false` if the thread has ended.
    fn make(&self) -> bool {
        let call = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        call.as_ref().is_some_and(|call| !matches!(call.try_send(()), Err(TrySendError::Disconnected(()))))
    }

    fn is_over(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    fn end(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl Queue {
    /// The writer, in the order of the requests.
    pub(super) async fn writer(&self) -> OwnedMutexGuard<GroupState> {
        // A task that has used up its coop budget would get the lock without being polled, and hold it until its next
        // turn.
        unconstrained(Arc::clone(&self.state).lock_owned()).await
    }

    /// The writer for a transaction. `meter` is told how long it waited, and for whom.
    async fn writer_for(&self, meter: &WaitMeter) -> OwnedMutexGuard<GroupState> {
        // It fails while other tasks wait, so none of them is overtaken.
        if let Ok(state) = Arc::clone(&self.state).try_lock_owned() {
            self.holder.set(meter.site());
            return state;
        }
        let waits = self.holder.begin_wait(meter);
        let state = self.writer().await;
        drop(waits);
        self.holder.set(meter.site());
        state
    }

    /// The same for a thread. If transactions are waiting, the thread queues again behind them once, so that they join
    /// the group.
    fn writer_after_the_others(&self) -> OwnedMutexGuard<GroupState> {
        let state = Arc::clone(&self.state).blocking_lock_owned();
        if !self.is_awaited() {
            return state;
        }
        drop(state);
        Arc::clone(&self.state).blocking_lock_owned()
    }

    /// Whether transactions are waiting for the writer.
    pub(super) fn is_awaited(&self) -> bool {
        self.waiting.load(Ordering::Acquire) > 0
    }

    /// Commits the open group, if there is one, and updates the statistics for the next one. Starts moving the log once
    /// it is long.
    fn commit(&self, state: &mut GroupState) {
        let started = Instant::now();
        self.holder.set(None);
        let Some(members) = state.commit_group() else { return };
        // The lock is held, so no other task updates these counters.
        let is_alone = members == 1 && !self.is_awaited();
        let alone = if is_alone { self.alone.load(Ordering::Acquire).wrapping_add(1) } else { 0 };
        self.alone.store(alone, Ordering::Release);
        // Each COMMIT counts for a quarter, so that one outlier does not decide.
        let took = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        let before = self.commit_takes.load(Ordering::Acquire);
        self.commit_takes.store(before - before / 4 + took / 4, Ordering::Release);
        if self.log.as_ref().is_some_and(WriteAheadLog::is_to_be_moved) {
            self.to_move.make();
        }
    }

    /// Whether other transactions are expected to join the group, judging by the last COMMITs. A lone committer may not
    /// see that others are ready, if one thread runs them all. So it waits for them at every eighth COMMIT.
    fn expects_company(&self) -> bool {
        self.alone.load(Ordering::Acquire).is_multiple_of(8)
    }

    /// Whether COMMITs take too long for a thread of the runtime.
    fn commits_are_long(&self) -> bool {
        Duration::from_micros(self.commit_takes.load(Ordering::Acquire)) >= self.commit_inline_limit
    }

    /// Starts a task that commits the open group.
    pub(super) fn see_to_commit(self: &Arc<Self>) {
        start(GroupCommit(Arc::clone(self)), Handle::try_current().ok().as_ref());
    }
}

/// Makes sure that a group is committed. If its runtime ends first, the thread does it.
struct GroupCommit(Arc<Queue>);

impl Leader for GroupCommit {
    /// Commits the group once no other task can write: the same rule as for a request's loads (`scope/drive.rs`). Tasks
    /// that can run do so until the executor has gone round once. Transactions that have queued up by then go first.
    /// Those that came meanwhile are let in too, once, because each costs less than a COMMIT of its own. After COMMITs
    /// with one member only, the task does not wait for others.
    async fn lead(&mut self) {
        let queue = &self.0;
        if queue.commits_are_long() && queue.to_commit.make() {
            return;
        }
        if queue.expects_company() {
            tokio::task::yield_now().await;
        }
        let mut state = queue.writer().await;
        if queue.is_awaited() {
            drop(state);
            state = queue.writer().await;
        }
        queue.commit(&mut state);
    }

    fn end(&mut self, end: LeaderEnd) {
        let queue = &self.0;
        if end == LeaderEnd::Dropped
            && !queue.to_commit.make()
            && let Ok(mut state) = queue.state.try_lock()
        {
            queue.commit(&mut state);
        }
    }
}

/// The loop of the thread that commits. It ends when the database is closed or dropped.
fn commit_when_called(queue: &Weak<Queue>, calls: &Receiver<()>) {
    loop {
        let call = calls.recv_timeout(IDLE);
        let Some(queue) = queue.upgrade() else { break };
        match call {
            Ok(()) => {
                let mut state = queue.writer_after_the_others();
                queue.commit(&mut state);
            }
            Err(RecvTimeoutError::Timeout) => {
                // A group whose runtime exists but is not driven any more.
                if let Ok(mut state) = queue.state.try_lock() {
                    queue.commit(&mut state);
                }
                queue.log.iter().for_each(WriteAheadLog::let_readers_go);
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
}

/// The loop of the thread that moves the log.
fn move_when_called(queue: &Weak<Queue>, calls: &Receiver<()>) {
    while calls.recv().is_ok() {
        let Some(queue) = queue.upgrade() else { break };
        let Some(log) = queue.log.as_ref().filter(|log| log.is_to_be_moved()) else { continue };
        log.move_most();
        let mut state = queue.writer_after_the_others();
        // The log cannot be moved while a group is open.
        queue.commit(&mut state);
        log.move_rest();
    }
}

impl Writer {
    /// Takes the connection and starts two threads: one for long COMMITs and the readers' snapshots, one for the log.
    pub(super) fn start(
        connection: Connection,
        log: Option<WriteAheadLog>,
        settings: &SqliteSettings,
    ) -> Result<Self, DriverError> {
        if log.is_some() {
            let by_us = connection.execute_batch("PRAGMA wal_autocheckpoint = 0");
            by_us.map_err(|error| classify(&error))?;
        }
        let ((to_commit, commits), (to_move, moves)) = (ThreadWaker::new(), ThreadWaker::new());
        let queue = Arc::new(Queue {
            log,
            state: Arc::new(Mutex::new(GroupState::new(connection))),
            waiting: AtomicUsize::new(0),
            holder: WriterHolder::default(),
            alone: AtomicU32::new(0),
            commit_takes: AtomicU64::new(0),
            commit_inline_limit: settings.commit_inline_limit,
            to_commit,
            to_move,
        });
        let (committed, moved) = (Arc::downgrade(&queue), Arc::downgrade(&queue));
        let threads = vec![
            start_thread("sqlite-commit", move || commit_when_called(&committed, &commits)),
            start_thread("sqlite-log", move || move_when_called(&moved, &moves)),
        ];
        Ok(Writer { queue, threads: StdMutex::new(threads), max_waiting: settings.max_waiting_writes })
    }

    /// Opens a savepoint, after the transactions that were queued before.
    pub(super) async fn begin(
        &self,
        deadline: Option<Instant>,
        meter: &WaitMeter,
    ) -> Result<SqliteTransaction, DriverError> {
        let _place = QueuePlace::take(&self.queue.waiting, self.max_waiting)?;
        let open = async {
            let mut state = self.queue.writer_for(meter).await;
            if self.queue.to_commit.is_over() {
                return Err(DriverError::Overloaded("the database is closing"));
            }
            state.open_group(&self.queue.holder, meter).await?;
            Ok(state)
        };
        SqliteTransaction::open(before(deadline, open).await?, &self.queue)
    }

    /// Waits for the transactions that are under way, and for the threads.
    pub(super) async fn close(&self) {
        self.queue.to_commit.end();
        self.queue.to_move.end();
        let mut state = self.queue.writer().await;
        self.queue.commit(&mut state);
        drop(state);
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            // The result of the thread no longer matters.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

fn start_thread(name: &str, work: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    let thread = std::thread::Builder::new().name(name.to_owned());
    thread.spawn(work).expect("the operating system starts a thread")
}

/// A place in the bounded queue for the writer.
struct QueuePlace<'a>(&'a AtomicUsize);

impl<'a> QueuePlace<'a> {
    fn take(waiting: &'a AtomicUsize, limit: usize) -> Result<Self, DriverError> {
        let place = QueuePlace(waiting);
        if waiting.fetch_add(1, Ordering::AcqRel) >= limit {
            return Err(DriverError::Overloaded("too many writes are waiting (database.max_waiting_writes)"));
        }
        Ok(place)
    }
}

impl Drop for QueuePlace<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
