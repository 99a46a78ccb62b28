//! SQLite's one writer, with group commit.
//!
//! At `synchronous=FULL` a commit waits for the disk. So each transaction is a savepoint inside one outer
//! transaction; those that come one after the other share one COMMIT and are acknowledged after it. The queue is a
//! fair async mutex: statements run inline under it. The first member of a group starts a task that commits it once nobody
//! else can write ([`GroupCommit`]). It is no part of the member's own work, which may be dropped, or not be polled any more.
//! Readers see nothing before the COMMIT.
//!
//! A COMMIT holds the runtime's thread until the disk has answered. Where that takes longer than
//! `database.commit_inline_limit` of late, or there is no runtime, it is left to a thread of its own.
//!
//! Traps, each with a test: an error may end the whole outer transaction (disk full, for one) and with it the
//! neighbours' released savepoints: everybody in the group is told. A deferred foreign key would pass RELEASE
//! and fail everybody's COMMIT: migrations refuse it. A statement is never interrupted, for the same reason.
//!
//! A second thread has the log moved into the database once it is long, see `log.rs`.
//!
//! Whoever holds the writer holds up all behind him, the committing task among them: so a transaction is given up after
//! `database.transaction_limit`, and an acknowledgement comes when each of those who stood before the task has had so
//! much time at most. Nothing bounds how long a transaction may be kept that waits for the writer and is not polled when its
//! turn has come: it holds up the others until it is polled or dropped.

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
use super::group::State;
use super::log::Log;
use super::transaction::SqliteTransaction;
use crate::driver::{DriverError, Leader, LeaderEnd, SqliteSettings, start};

/// So often an idle reader's snapshot is let go of. Another process, which cannot ask for it, may have to wait for that
/// before it can begin its log anew. And so often the thread looks for a group that nobody commits.
const IDLE: Duration = Duration::from_secs(1);

pub(super) struct Writer {
    queue: Arc<Queue>,
    threads: StdMutex<Vec<JoinHandle<()>>>,
    max_waiting: usize,
}

/// Where transactions stand in line for the writer.
pub(super) struct Queue {
    /// Before the writer, which is closed last: SQLite then moves the log into the database, which no reader may.
    log: Option<Log>,
    state: Arc<Mutex<State>>,
    /// How many stand there, those who are to commit not counted.
    waiting: AtomicUsize,
    /// How many of the last COMMITs were for one alone, for which nobody waited.
    alone: AtomicU32,
    /// What a COMMIT takes of late, in microseconds.
    commit_takes: AtomicU64,
    commit_inline_limit: Duration,
    /// For the thread that commits, and for the one that moves the log.
    to_commit: Call,
    to_move: Call,
}

/// Calls a thread; none once the database is closing.
struct Call(StdMutex<Option<SyncSender<()>>>);

impl Call {
    fn new() -> (Self, Receiver<()>) {
        // One place is enough: a call that finds it taken will be served by the one that is due.
        let (call, calls) = mpsc::sync_channel(1);
        (Call(StdMutex::new(Some(call))), calls)
    }

    /// Says no if nobody hears it any more.
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
    /// The writer, once those who asked before are done.
    pub(super) async fn writer(&self) -> OwnedMutexGuard<State> {
        // Who is at the end of his turn would be given the writer, and not go on with it before the next.
        unconstrained(Arc::clone(&self.state).lock_owned()).await
    }

    /// The same for a thread, which goes to the end once more if somebody has come meanwhile: he is let into the group.
    fn writer_after_the_others(&self) -> OwnedMutexGuard<State> {
        let state = Arc::clone(&self.state).blocking_lock_owned();
        if !self.is_awaited() {
            return state;
        }
        drop(state);
        Arc::clone(&self.state).blocking_lock_owned()
    }

    /// Whether somebody stands there.
    pub(super) fn is_awaited(&self) -> bool {
        self.waiting.load(Ordering::Acquire) > 0
    }

    /// Commits the group that is open, if there is one, and notes what that tells of the next. Has the log moved once it is
    /// long.
    fn commit(&self, state: &mut State) {
        let started = Instant::now();
        let Some(members) = state.commit_group() else { return };
        // Who holds the writer is the only one who stores these.
        let is_alone = members == 1 && !self.is_awaited();
        let alone = if is_alone { self.alone.load(Ordering::Acquire).wrapping_add(1) } else { 0 };
        self.alone.store(alone, Ordering::Release);
        // One that is out of the ordinary counts for a quarter.
        let took = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        let before = self.commit_takes.load(Ordering::Acquire);
        self.commit_takes.store(before - before / 4 + took / 4, Ordering::Release);
        if self.log.as_ref().is_some_and(Log::is_to_be_moved) {
            self.to_move.make();
        }
    }

    /// Whether whoever has written is not alone, as far as the last COMMITs tell. Who commits for one alone at once may not
    /// see that others are ready, if one thread runs them all: so he looks now and then.
    fn expects_company(&self) -> bool {
        self.alone.load(Ordering::Acquire).is_multiple_of(8)
    }

    /// Whether a COMMIT is not to hold a thread of the runtime.
    fn commits_are_long(&self) -> bool {
        Duration::from_micros(self.commit_takes.load(Ordering::Acquire)) >= self.commit_inline_limit
    }

    /// Has the group committed that is open now.
    pub(super) fn see_to_commit(self: &Arc<Self>) {
        start(GroupCommit(Arc::clone(self)), Handle::try_current().ok().as_ref());
    }
}

/// Sees that a group is committed. When its runtime ends before, the thread does it.
struct GroupCommit(Arc<Queue>);

impl Leader for GroupCommit {
    /// Commits the group once nobody else can write: the same rule as for a request's loads (`scope/drive.rs`). Those who
    /// can run do so until the executor has gone round once, and those who have queued up by then go first; who came
    /// meanwhile is let in too, once, since each costs less than a COMMIT of his own. Where the last COMMITs were for one
    /// alone, nobody is expected.
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

/// What the thread that commits does until the database is closed, or gone.
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
                // That of a runtime which is there but not driven any more.
                if let Ok(mut state) = queue.state.try_lock() {
                    queue.commit(&mut state);
                }
                queue.log.iter().for_each(Log::let_readers_go);
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
}

/// What the thread that moves the log does until then.
fn move_when_called(queue: &Weak<Queue>, calls: &Receiver<()>) {
    while calls.recv().is_ok() {
        let Some(queue) = queue.upgrade() else { break };
        let Some(log) = queue.log.as_ref().filter(|log| log.is_to_be_moved()) else { continue };
        log.move_most();
        let mut state = queue.writer_after_the_others();
        // Nothing can be moved from within a group.
        queue.commit(&mut state);
        log.move_rest();
    }
}

impl Writer {
    /// Takes the connection, and starts the threads that see to long commits and the readers' snapshots, and to the log.
    pub(super) fn start(
        connection: Connection,
        log: Option<Log>,
        settings: &SqliteSettings,
    ) -> Result<Self, DriverError> {
        if log.is_some() {
            let by_us = connection.execute_batch("PRAGMA wal_autocheckpoint = 0");
            by_us.map_err(|error| classify(&error))?;
        }
        let ((to_commit, commits), (to_move, moves)) = (Call::new(), Call::new());
        let queue = Arc::new(Queue {
            log,
            state: Arc::new(Mutex::new(State::new(connection))),
            waiting: AtomicUsize::new(0),
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

    /// Opens a savepoint, once those who asked before are done.
    pub(super) async fn begin(&self, deadline: Option<Instant>) -> Result<SqliteTransaction, DriverError> {
        let _place = Place::take(&self.queue.waiting, self.max_waiting)?;
        let open = async {
            let mut state = self.queue.writer().await;
            if self.queue.to_commit.is_over() {
                return Err(DriverError::Overloaded("the database is closing"));
            }
            state.open_group().await?;
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
            // Its result is nobody's business any more.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

fn start_thread(name: &str, work: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    let thread = std::thread::Builder::new().name(name.to_owned());
    thread.spawn(work).expect("the operating system starts a thread")
}

/// A place in the bounded queue for the writer.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize, limit: usize) -> Result<Self, DriverError> {
        let place = Place(waiting);
        if waiting.fetch_add(1, Ordering::AcqRel) >= limit {
            return Err(DriverError::Overloaded("too many writes are waiting (database.max_waiting_writes)"));
        }
        Ok(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
