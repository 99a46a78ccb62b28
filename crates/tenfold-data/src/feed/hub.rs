//! What a database keeps for the feed: its subscribers, and what is told of each COMMIT.

use std::sync::Arc;

use super::watch::Watchers;
use super::write_set::WriteSet;
use crate::driver::{CommitOutcome, Unsettled};

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
}

impl Hub {
    pub(crate) fn new() -> Self {
        let watchers = Arc::new(Watchers::default());
        Hub { observers: vec![Arc::clone(&watchers) as Arc<dyn WriteObserver>], watchers }
    }

    /// Announces a COMMIT to the observers. The result tells them how it ended.
    pub(crate) fn fence(self: &Arc<Self>, writes: WriteSet) -> Unsettled {
        if writes.is_empty() {
            return Unsettled::nobody();
        }
        self.observers.iter().for_each(|observer| observer.fence(&writes));
        let hub = Arc::clone(self);
        Unsettled::new(move |outcome| {
            hub.observers.iter().for_each(|observer| observer.settle(&writes, outcome));
        })
    }
}

impl WriteObserver for Watchers {
    fn fence(&self, _writes: &WriteSet) {}

    /// A commit whose outcome is unknown is said as well: those who look in vain lose less than those who do not look.
    fn settle(&self, writes: &WriteSet, outcome: CommitOutcome) {
        if outcome != CommitOutcome::RolledBack {
            self.say(writes);
        }
    }
}
