//! What a database keeps for the feed: its subscribers, and what is told of each COMMIT.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::packed::Packed;
use super::topic::{ToldKinds, TopicKind};
use super::watch::Watchers;
use super::write_set::WriteSet;
use crate::cache::RowCache;
use crate::driver::{Announcement, CommitOutcome, Settle, Unsettled};

/// Is told of each transaction that changes rows: before its COMMIT, and once its outcome is known. Both calls come in
/// pairs, however the transaction ends, and also if its caller no longer waits. They run on the committing task, and on SQLite
/// while it holds the writer, so they must be short.
pub(crate) trait WriteObserver: Send + Sync {
    /// COMMIT is about to be sent. From here on the rows may change at any time.
    fn fence(&self, writes: &WriteSet);

    /// The outcome is known, and the caller is not answered yet. After an unknown one the rows may change later: the reader then
    /// hears of it as another process does.
    fn settle(&self, writes: &WriteSet, outcome: CommitOutcome);
}

/// How long a process that ends takes to tell the others.
const STOP_LIMIT: Duration = Duration::from_secs(2);

/// The feed's part of a database.
pub(crate) struct Hub {
    pub(super) watchers: Arc<Watchers>,
    cache: Option<Arc<RowCache>>,
    /// The cache is the first: a subscriber looks as soon as it is woken.
    observers: Vec<Arc<dyn WriteObserver>>,
    /// The tables and signals that other processes are told of.
    told: RwLock<ToldKinds>,
    /// How they are told, once this process is registered.
    announcement: OnceLock<Announcement>,
    /// Whether another process was registered at the latest poll.
    has_others: AtomicBool,
    /// Ends the task that reads what the others tell.
    stop: Notify,
    /// How many transactions were announced to the observers, and not settled.
    unsettled: AtomicUsize,
    /// How many COMMITs have ended with an unknown outcome. The server may commit them later.
    unknown: AtomicUsize,
    reading: Mutex<Option<JoinHandle<()>>>,
}

impl Hub {
    pub(crate) fn new(cache: Option<Arc<RowCache>>) -> Self {
        let watchers = Arc::new(Watchers::default());
        let mut observers: Vec<Arc<dyn WriteObserver>> = Vec::new();
        observers.extend(cache.clone().map(|cache| cache as Arc<dyn WriteObserver>));
        observers.push(Arc::clone(&watchers) as Arc<dyn WriteObserver>);
        Hub {
            observers,
            watchers,
            cache,
            told: RwLock::default(),
            announcement: OnceLock::new(),
            has_others: AtomicBool::new(false),
            stop: Notify::new(),
            unsettled: AtomicUsize::new(0),
            unknown: AtomicUsize::new(0),
            reading: Mutex::default(),
        }
    }

    /// Tells the observers that a COMMIT is about to be sent. The result tells them how it ended.
    pub(crate) fn fence(self: &Arc<Self>, writes: WriteSet) -> Unsettled {
        if writes.is_empty() {
            return Unsettled::nobody();
        }
        self.unsettled.fetch_add(1, Ordering::AcqRel);
        self.observers.iter().for_each(|observer| observer.fence(&writes));
        Unsettled::new(PendingCommit { hub: Arc::clone(self), writes })
    }

    /// The rows that this process keeps.
    pub(crate) fn cache(&self) -> Option<&Arc<RowCache>> {
        self.cache.as_ref()
    }

    /// Another process has changed this. The subscribers are woken later, once for all that is read.
    pub(super) fn change(&self, writes: &WriteSet) {
        self.cache.iter().for_each(|cache| cache.change(writes));
    }

    /// Anything may have changed.
    pub(crate) fn say_everything(&self) {
        self.cache.iter().for_each(|cache| cache.change_everything());
        self.watchers.say_everything();
    }

    /// All that others had committed by `then` ([`Clock::since_boot`](crate::Clock::since_boot)) has been said.
    pub(super) fn certify(&self, then: Duration) {
        // Of a table that is not told another process could not know that it has changed.
        if self.told().has_every_table() {
            self.cache.iter().for_each(|cache| cache.certify(then));
        }
    }

    pub(super) fn unsettled(&self) -> usize {
        self.unsettled.load(Ordering::Acquire)
    }

    /// How many outcomes have stayed unknown since the process started.
    pub(super) fn unknown(&self) -> usize {
        self.unknown.load(Ordering::SeqCst)
    }

    /// Declares what other processes are told of.
    pub(super) fn tell(&self, kinds: impl IntoIterator<Item = TopicKind>) {
        let mut told = self.told.write().unwrap_or_else(PoisonError::into_inner);
        kinds.into_iter().for_each(|kind| told.add(kind));
    }

    pub(super) fn tells_anything(&self) -> bool {
        !self.told().is_empty()
    }

    fn told(&self) -> RwLockReadGuard<'_, ToldKinds> {
        self.told.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on commits are announced by these statements.
    pub(super) fn announce_by(&self, announcement: Announcement) {
        let _ = self.announcement.set(announcement);
    }

    /// How this process announces its commits, once it is registered.
    pub(super) fn announcement(&self) -> Option<&Announcement> {
        self.announcement.get()
    }

    /// Notes whether other processes are registered.
    pub(super) fn note_others(&self, are_there: bool) {
        self.has_others.store(are_there, Ordering::Relaxed);
    }

    pub(super) fn has_others(&self) -> bool {
        self.has_others.load(Ordering::Relaxed)
    }

    /// The task that reads what the others tell, until [`Hub::stop`].
    pub(super) fn read_by(&self, reading: JoinHandle<()>) {
        *self.reading.lock().unwrap_or_else(PoisonError::into_inner) = Some(reading);
    }

    /// Ready when the reader is to end.
    pub(super) async fn stopping(&self) {
        self.stop.notified().await;
    }

    /// Ends the reader.
    pub(crate) async fn stop(&self) {
        let reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut reading) = reading {
            self.stop.notify_one();
            // If it panicked, that was reported; nothing of it is needed. A database that does not answer is not awaited:
            // the others find out that this process has ended.
            if tokio::time::timeout(STOP_LIMIT, &mut reading).await.is_err() {
                reading.abort();
            }
        }
    }

    /// The part of what was written that other processes are told of.
    fn part_told<'a>(&self, writes: &'a WriteSet) -> Packed<'a> {
        let told = self.told();
        let tables: Vec<_> = writes.tables.iter().filter(|written| told.has_table(&written.table)).collect();
        let signals = writes.signals.iter().filter(|name| told.has_signal(name));
        Packed::of(&tables, signals.map(|name| Cow::Borrowed(&**name)).collect())
    }

    fn tells_of(&self, writes: &WriteSet) -> bool {
        let told = self.told();
        writes.tables.iter().any(|written| told.has_table(&written.table))
            || writes.signals.iter().any(|name| told.has_signal(name))
    }
}

/// A transaction that is about to be committed.
struct PendingCommit {
    hub: Arc<Hub>,
    writes: WriteSet,
}

impl Settle for PendingCommit {
    fn announcement(&self) -> Option<&Announcement> {
        self.hub.announcement.get().filter(|_| self.hub.tells_of(&self.writes))
    }

    fn packed(&self) -> String {
        self.hub.part_told(&self.writes).text()
    }

    fn settle(self: Box<Self>, outcome: CommitOutcome) {
        if outcome == CommitOutcome::Unknown {
            // Before it is said, so that who looks then is told of what is committed later.
            self.hub.unknown.fetch_add(1, Ordering::SeqCst);
        }
        self.hub.observers.iter().for_each(|observer| observer.settle(&self.writes, outcome));
        self.hub.unsettled.fetch_sub(1, Ordering::AcqRel);
    }
}

impl WriteObserver for RowCache {
    fn fence(&self, writes: &WriteSet) {
        RowCache::fence(self, writes);
    }

    fn settle(&self, writes: &WriteSet, outcome: CommitOutcome) {
        RowCache::settle(self, writes, outcome);
    }
}

impl WriteObserver for Watchers {
    fn fence(&self, _writes: &WriteSet) {}

    /// A commit whose outcome is unknown is said as well: to look in vain costs less than not to look.
    fn settle(&self, writes: &WriteSet, outcome: CommitOutcome) {
        if outcome != CommitOutcome::RolledBack {
            self.say(writes);
        }
    }
}
