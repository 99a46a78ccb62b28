//! A COMMIT whose outcome others wait for, besides its caller.
//!
//! A caller may be gone before the outcome is known: its deadline passed, or its client left. The transaction may be
//! committed all the same. So the outcome is told by the task that learns it, and not by the caller.

use std::sync::atomic::AtomicU64;

use crate::statement::Statement;
use crate::value::Value;

/// How a COMMIT ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CommitOutcome {
    Committed,
    RolledBack,
    /// It may have been committed.
    Unknown,
}

/// Waits for the outcome of a COMMIT.
pub(crate) trait Settle: Send + Sync {
    /// How other processes are told, if they are.
    fn announcement(&self) -> Option<&Announcement>;

    /// What they are told, on one line.
    fn packed(&self) -> String;

    /// Called once, before the caller is answered.
    fn settle(self: Box<Self>, outcome: CommitOutcome);
}

/// The statements that tell other processes of a commit, within its transaction.
pub(crate) struct Announcement {
    /// Stores `$2`, the lines that are told, by the process `$1`. On PostgreSQL it returns the number of the transaction.
    pub insert: Statement,
    /// Returns a row if there is another process than `$1`. Run on SQLite only, where it is cheap to know that the answer
    /// has not changed.
    pub audience: Statement,
    /// This process.
    pub process: Value,
    /// How often this process has taken others for dead. The writer of SQLite does not see that by itself, because it
    /// has committed it.
    pub forgotten: AtomicU64,
}

/// Somebody who is told how a COMMIT ended. A driver carries it along with the COMMIT.
pub(crate) struct Unsettled {
    waiting: Option<Box<dyn Settle>>,
    is_sent: bool,
}

impl Unsettled {
    pub(crate) fn new(waiting: impl Settle + 'static) -> Self {
        Unsettled { waiting: Some(Box::new(waiting)), is_sent: false }
    }

    /// Nobody waits for the outcome.
    pub(crate) fn nobody() -> Self {
        Unsettled { waiting: None, is_sent: false }
    }

    /// How other processes are told, and what, if they are.
    pub(crate) fn announcement(&self) -> Option<(&Announcement, impl FnOnce() -> String)> {
        let waiting = self.waiting.as_ref()?;
        let announcement = waiting.announcement()?;
        Some((announcement, || waiting.packed()))
    }

    /// Notes that the database may commit from now on, whether or not its answer is awaited.
    pub(crate) fn mark_sent(&mut self) {
        self.is_sent = true;
    }

    /// Tells the outcome.
    pub(crate) fn settle(mut self, outcome: CommitOutcome) {
        self.tell(outcome);
    }

    fn tell(&mut self, outcome: CommitOutcome) {
        if let Some(waiting) = self.waiting.take() {
            waiting.settle(outcome);
        }
    }
}

impl Drop for Unsettled {
    fn drop(&mut self) {
        self.tell(if self.is_sent { CommitOutcome::Unknown } else { CommitOutcome::RolledBack });
    }
}
