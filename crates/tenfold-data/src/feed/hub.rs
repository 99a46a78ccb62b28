//! What a database keeps for the feed: its subscribers, and what is told of each COMMIT.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::packed::Packed;
use super::topic::{Subject, TopicKind};
use super::watch::Watchers;
use super::write_set::WriteSet;
use crate::driver::{Announcement, CommitOutcome, Settle, Unsettled};
use crate::value::Value;

/// Is told of each transaction that changes rows: before its COMMIT, and once its outcome is known. Both calls come in
/// pairs, however the transaction ends and whoever still waits for it. They run on the committing task, and on SQLite
/// while it holds the writer, so they must be short.
pub(crate) trait WriteObserver: Send + Sync {
    /// COMMIT is about to be sent. From here on the rows may change at any time.
    fn fence(&self, writes: &WriteSet);

    /// The outcome is known, and the caller is not answered yet.
    fn settle(&self, writes: &WriteSet, outcome: CommitOutcome);
}

/// The feed's part of a database.
pub(crate) struct Hub {
    pub(super) watchers: Arc<Watchers>,
    /// The subscribers of the feed are the first.
    observers: Vec<Arc<dyn WriteObserver>>,
    /// The tables and signals that other processes are told of.
    told: RwLock<[HashSet<Cow<'static, str>>; 2]>,
    /// How they are told, once this process is registered.
    announcement: OnceLock<Announcement>,
    /// Ends the task that reads what the others tell.
    stop: Notify,
    reader: Mutex<Option<JoinHandle<()>>>,
}

impl Hub {
    pub(crate) fn new() -> Self {
        let watchers = Arc::new(Watchers::default());
        Hub {
            observers: vec![Arc::clone(&watchers) as Arc<dyn WriteObserver>],
            watchers,
            told: RwLock::default(),
            announcement: OnceLock::new(),
            stop: Notify::new(),
            reader: Mutex::default(),
        }
    }

    /// Tells the observers that a COMMIT is about to be sent. The result tells them how it ended.
    pub(crate) fn fence(self: &Arc<Self>, writes: WriteSet) -> Unsettled {
        if writes.is_empty() {
            return Unsettled::nobody();
        }
        self.observers.iter().for_each(|observer| observer.fence(&writes));
        Unsettled::new(PendingCommit { hub: Arc::clone(self), writes })
    }

    /// Declares what other processes are told of.
    pub(super) fn tell(&self, kinds: impl IntoIterator<Item = TopicKind>) {
        let mut told = self.told.write().unwrap_or_else(PoisonError::into_inner);
        let [tables, signals] = &mut *told;
        for kind in kinds {
            match kind.0.0 {
                Subject::Table(_, table) => tables.insert(table),
                Subject::Signal(name) => signals.insert(name),
            };
        }
    }

    pub(super) fn tells_anything(&self) -> bool {
        let told = self.told.read().unwrap_or_else(PoisonError::into_inner);
        told.iter().any(|names| !names.is_empty())
    }

    /// From now on commits are announced by these statements.
    pub(super) fn announce_by(&self, announcement: Announcement) {
        let _ = self.announcement.set(announcement);
    }

    /// How this process announces its commits, once it is registered.
    pub(super) fn announcement(&self) -> Option<&Announcement> {
        self.announcement.get()
    }

    /// The task that reads what the others tell, until [`Hub::stop`].
    pub(super) fn read_by(&self, reader: JoinHandle<()>) {
        *self.reader.lock().unwrap_or_else(PoisonError::into_inner) = Some(reader);
    }

    /// Ready when the reader is to end.
    pub(super) async fn stopping(&self) {
        self.stop.notified().await;
    }

    /// Ends the reader.
    pub(crate) async fn stop(&self) {
        let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(reader) = reader {
            self.stop.notify_one();
            // If it panicked, that was reported; nothing of it is needed.
            let _ = reader.await;
        }
    }

    /// The part of what was written that other processes are told of.
    fn part_told<'a>(&self, writes: &'a WriteSet) -> Packed<'a> {
        let told = self.told.read().unwrap_or_else(PoisonError::into_inner);
        let [tables, signals] = &*told;
        let written = writes.tables.iter().filter(|written| tables.contains(&*written.table));
        let signalled = writes.signals.iter().filter(|name| signals.contains(&***name));
        Packed {
            tables: written.map(|written| (Cow::Borrowed(&*written.table), written.tenant)).collect(),
            signals: signalled.map(|name| Cow::Borrowed(&**name)).collect(),
            asks: false,
        }
    }

    fn tells_of(&self, writes: &WriteSet) -> bool {
        let told = self.told.read().unwrap_or_else(PoisonError::into_inner);
        let [tables, signals] = &*told;
        writes.tables.iter().any(|written| tables.contains(&*written.table))
            || writes.signals.iter().any(|name| signals.contains(&**name))
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

    fn packed(&self) -> Value {
        Value::Text(self.hub.part_told(&self.writes).text())
    }

    fn settle(self: Box<Self>, outcome: CommitOutcome) {
        self.hub.observers.iter().for_each(|observer| observer.settle(&self.writes, outcome));
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
