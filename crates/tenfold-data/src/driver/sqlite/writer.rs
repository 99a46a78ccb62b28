//! SQLite's one writer, with group commit.
//!
//! At `synchronous=FULL` a commit waits for the disk. So each transaction is a savepoint inside one outer
//! transaction; those that queue up behind each other share one COMMIT and are acknowledged after it. The
//! queue is a fair async mutex: statements run inline under it, and the committing thread stands in the same
//! queue, so a group is what had queued up before it. Readers see nothing before the COMMIT.
//!
//! Traps, each with a test: an error may end the whole outer transaction (disk full, for one) and with it the
//! neighbours' released savepoints: everybody in the group is told. A deferred foreign key would pass RELEASE
//! and fail everybody's COMMIT: migrations refuse it. A statement is never interrupted, for the same reason.
//!
//! The thread also moves the log into the database once it is long (a checkpoint), after it has acknowledged a group.
//! SQLite would do so by itself within COMMIT; but readers keep their snapshots here (`inline.rs`), and a snapshot
//! older than the last commit holds back what came after it. So the readers let go first, and the whole log is moved;
//! then they let go again, and read from the database alone, so that the next write begins the log anew.
//!
//! Whoever holds the writer holds up all behind him, the committing thread among them: so a transaction is given up
//! after `database.transaction_limit`, and an acknowledgement comes when each of those who stood before the thread has
//! had so much time at most.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex as StdMutex, PoisonError, TryLockError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use rusqlite::Connection;
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};
use tokio::time::Instant;

use super::super::{Call, DriverTransaction, Late, NotCommitted, Params, before};
use super::connection::{classify, execute, run_statement};
use super::inline::Inline;
use super::wal_index::WalIndex;
use crate::error::{DriverError, Source};

/// The pause before asking again for a writer that another process holds.
const BUSY_PAUSE: Duration = Duration::from_millis(2);
/// The log is moved into the database when it has so many pages: SQLite's own default.
const LONG_LOG: u32 = 1_000;
/// So often an idle reader's snapshot is let go of. Another process, which cannot ask for it, may have to wait for that
/// before it can begin its log anew.
const IDLE: Duration = Duration::from_secs(1);
/// How long another process may hold the writer before a transaction without a deadline gives up.
const BUSY_LIMIT: Duration = Duration::from_secs(10);

pub(super) struct Writer {
    state: Arc<Mutex<State>>,
    commit: StdMutex<Option<mpsc::SyncSender<()>>>,
    thread: StdMutex<Option<std::thread::JoinHandle<()>>>,
    waiting: Arc<AtomicUsize>,
    max_waiting: usize,
}

struct State {
    connection: Connection,
    /// The open outer transaction and whom to tell of its end.
    group: Option<Vec<Acknowledge>>,
}

type Acknowledge = oneshot::Sender<Result<(), DriverError>>;

impl Writer {
    /// Takes the connection, and starts the thread that commits and sees to the readers' snapshots.
    pub(super) fn start(
        connection: Connection,
        readers: Arc<Inline>,
        max_waiting: usize,
    ) -> Result<Self, DriverError> {
        if readers.index().is_some() {
            let by_us = connection.execute_batch("PRAGMA wal_autocheckpoint = 0");
            by_us.map_err(|error| classify(&error))?;
        }
        let state = Arc::new(Mutex::new(State { connection, group: None }));
        // One place is enough: a signal that finds it taken will be served by the commit that is due.
        let (commit, signals) = mpsc::sync_channel::<()>(1);
        let waiting = Arc::new(AtomicUsize::new(0));
        let (committing, queue) = (Arc::clone(&state), Arc::clone(&waiting));
        let thread = std::thread::Builder::new()
            .name("sqlite-commit".to_owned())
            .spawn(move || {
                loop {
                    match signals.recv_timeout(IDLE) {
                        Ok(()) => {
                            let mut state = committing.blocking_lock();
                            if queue.load(Ordering::Acquire) > 0 {
                                // Who came meanwhile is let in too, once: each costs less than a COMMIT of his own.
                                drop(state);
                                state = committing.blocking_lock();
                            }
                            state.commit_group();
                            state.shorten_log(&readers);
                        }
                        Err(RecvTimeoutError::Timeout) => readers.let_go(),
                        Err(RecvTimeoutError::Disconnected) => break,
                    }
                }
            })
            .expect("the operating system starts a thread");
        Ok(Writer {
            state,
            commit: StdMutex::new(Some(commit)),
            thread: StdMutex::new(Some(thread)),
            waiting,
            max_waiting,
        })
    }

    /// Opens a savepoint, once those who asked before are done.
    pub(super) async fn begin(&self, deadline: Option<Instant>) -> Result<SqliteTransaction, DriverError> {
        let _place = Place::take(&self.waiting, self.max_waiting)?;
        let commit = self.commit_signal()?;
        let mut guard = before(deadline, async { Ok(Arc::clone(&self.state).lock_owned().await) }).await?;
        before(deadline, guard.open_group()).await?;
        if let Err(error) = execute(&guard.connection, "SAVEPOINT member") {
            return Err(guard.check_group(classify(&error)));
        }
        Ok(SqliteTransaction(StdMutex::new(Some(Open { guard, commit }))))
    }

    /// Waits for the transactions that are under way, and for the thread.
    pub(super) async fn close(&self) {
        self.commit.lock().unwrap_or_else(PoisonError::into_inner).take();
        Arc::clone(&self.state).lock_owned().await.commit_group();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // The thread ends with the last transaction's signal; its result is nobody's business any more.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }

    fn commit_signal(&self) -> Result<mpsc::SyncSender<()>, DriverError> {
        let commit = self.commit.lock().unwrap_or_else(PoisonError::into_inner);
        commit.clone().ok_or(DriverError::Overloaded("the database is closing"))
    }
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

impl State {
    /// Begins the outer transaction if there is none. `BEGIN IMMEDIATE` takes the write lock at once: a read
    /// that turns into a write later could fail with SQLITE_BUSY_SNAPSHOT however long it waited.
    async fn open_group(&mut self) -> Result<(), DriverError> {
        if self.group.is_some() {
            return Ok(());
        }
        let give_up = Instant::now() + BUSY_LIMIT;
        loop {
            match execute(&self.connection, "BEGIN IMMEDIATE") {
                Ok(()) => break,
                Err(error) => match classify(&error) {
                    busy @ DriverError::Overloaded(_) if Instant::now() >= give_up => return Err(busy),
                    DriverError::Overloaded(_) => tokio::time::sleep(BUSY_PAUSE).await,
                    other => return Err(other),
                },
            }
        }
        self.group = Some(Vec::new());
        Ok(())
    }

    /// After an error: if SQLite has ended the outer transaction, tells everybody in it.
    fn check_group(&mut self, error: DriverError) -> DriverError {
        if self.group.is_none() || !self.connection.is_autocommit() {
            return error;
        }
        let source = match error {
            DriverError::Unavailable(source) | DriverError::Other(source) => source,
            other => Source::new(format!("{other:?}")),
        };
        for member in self.group.take().unwrap_or_default() {
            // A member that has gone away does not need to hear it.
            let _ = member.send(Err(DriverError::GroupLost(source.clone())));
        }
        DriverError::GroupLost(source)
    }

    fn commit_group(&mut self) {
        let Some(members) = self.group.take() else { return };
        let result = execute(&self.connection, "COMMIT").map_err(|error| {
            if !self.connection.is_autocommit() {
                let _ = self.connection.execute_batch("ROLLBACK");
            }
            Source::new(error.to_string())
        });
        for member in members {
            // A member that has gone away is committed all the same; nobody was told otherwise.
            let _ = member.send(result.clone().map_err(DriverError::GroupLost));
        }
    }

    /// Moves a long log into the database, so that the next write can begin it anew. A read on another thread, or of
    /// another process, may hold back a part; then the next group tries again.
    fn shorten_log(&self, readers: &Inline) {
        let head = readers.index().and_then(WalIndex::head);
        if head.is_none_or(|head| head.frames() < LONG_LOG) {
            return;
        }
        readers.let_go();
        let moved = self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        if let Err(error) = moved {
            // Nothing is lost: the log has it all, and grows until it works again.
            tracing::warn!(%error, "SQLite's log could not be moved into the database");
        }
        readers.let_go();
    }
}

/// A savepoint in the open group. It holds the writer until it is committed, given up or dropped.
pub(super) struct SqliteTransaction(StdMutex<Option<Open>>);

struct Open {
    guard: OwnedMutexGuard<State>,
    commit: mpsc::SyncSender<()>,
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
    fn finish(&mut self, late: &[Late]) -> Result<Vec<Duration>, NotCommitted> {
        let mut took = Vec::with_capacity(late.len());
        for (index, Late { statement, params, .. }) in late.iter().enumerate() {
            let started = std::time::Instant::now();
            let call = Call { statement, params: Params::One(params), deadline: None, sink: &mut |_| Ok(()) };
            self.with(|connection| run_statement(connection, call))
                .map_err(|error| NotCommitted { late: Some(index), error })?;
            took.push(started.elapsed());
        }
        self.with(|connection| execute(connection, "RELEASE member").map_err(|error| classify(&error)))?;
        Ok(took)
    }

    /// Ends the savepoint, if its group is still alive, as if it had never been.
    fn roll_back(self) {
        if self.guard.group.is_some() {
            // If even this fails the connection is beyond help, and the next COMMIT says so to its group.
            let _ = self.guard.connection.execute_batch("ROLLBACK TO member; RELEASE member");
        }
        self.release();
    }

    /// Lets the next writer in, behind which the committing thread queues up.
    fn release(self) {
        drop(self.guard);
        let _ = self.commit.try_send(());
    }
}

impl SqliteTransaction {
    fn with<T>(&self, work: impl FnOnce(&Connection) -> Result<T, DriverError>) -> Result<T, DriverError> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.as_mut().map_or_else(|| Err(ended()), |open| open.with(work))
    }
}

impl DriverTransaction for SqliteTransaction {
    fn run<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<u64, DriverError>> {
        Box::pin(std::future::ready(self.with(|connection| run_statement(connection, call))))
    }

    fn script<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<(), DriverError>> {
        let run = |connection: &Connection| connection.execute_batch(sql).map_err(|error| classify(&error));
        Box::pin(std::future::ready(self.with(run)))
    }

    fn commit_with<'a>(&'a self, late: &'a [Late]) -> BoxFuture<'a, Result<Vec<Duration>, NotCommitted>> {
        Box::pin(async move {
            let open = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
            let mut open = open.ok_or_else(ended)?;
            let took = match open.finish(late) {
                Ok(took) => took,
                Err(error) => {
                    open.roll_back();
                    return Err(error);
                }
            };
            let (acknowledge, acknowledged) = oneshot::channel();
            match &mut open.guard.group {
                Some(members) => members.push(acknowledge),
                None => return Err(ended().into()),
            }
            open.release();
            let told = acknowledged.await.unwrap_or_else(|_| {
                Err(DriverError::OutcomeUnknown(Source::new("the committing thread has ended")))
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
