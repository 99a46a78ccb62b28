//! A COMMIT whose outcome others wait for, besides its caller.
//!
//! A caller may be gone before the outcome is known: its deadline passed, or its client left. The transaction is
//! committed all the same. So the outcome is told by whoever learns it, and not by the caller.

/// How a COMMIT ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CommitOutcome {
    Committed,
    RolledBack,
    /// It may have been committed.
    Unknown,
}

/// What is told how a COMMIT ended: once, and before its caller is answered. A driver carries it along with the COMMIT.
pub(crate) struct Unsettled {
    tell: Option<Box<dyn FnOnce(CommitOutcome) + Send>>,
    is_sent: bool,
}

impl Unsettled {
    pub(crate) fn new(tell: impl FnOnce(CommitOutcome) + Send + 'static) -> Self {
        Unsettled { tell: Some(Box::new(tell)), is_sent: false }
    }

    /// Nobody waits for the outcome.
    pub(crate) fn nobody() -> Self {
        Unsettled { tell: None, is_sent: false }
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
        if let Some(tell) = self.tell.take() {
            tell(outcome);
        }
    }
}

impl Drop for Unsettled {
    fn drop(&mut self) {
        self.tell(if self.is_sent { CommitOutcome::Unknown } else { CommitOutcome::RolledBack });
    }
}
