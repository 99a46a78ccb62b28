//! A job that cannot go on for an external reason.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use tenfold_data::{DataError, Timestamp};

/// A job's error when something that it needs is unavailable: a disk, a network, another service.
///
/// The job is retried until it is available again, and the attempt does not count: [`Job::MAX_ATTEMPTS`] is for the
/// job's own failures. The pauses grow from a second to five minutes and start again when the job completes a step.
/// Meanwhile the job is [`Retryable`](crate::JobState::Retryable), its message is the reason, and the cause is its
/// last error. An operator can retry it at once, or cancel it.
///
/// It may be anywhere in an error's chain of sources, so a step may return it, and `.context(…)` may be added:
///
/// ```ignore
/// let bytes = store.read(path).await.map_err(|error| {
///     TryLater::because("waits for the file store, which cannot be reached").caused_by(error)
/// })?;
/// ```
///
/// A database that is unavailable or overloaded ([`DataError::retry_after`](tenfold_data::DataError::retry_after))
/// has the same effect.
///
/// [`Job::MAX_ATTEMPTS`]: crate::Job::MAX_ATTEMPTS
#[derive(Debug)]
pub struct TryLater {
    reason: String,
    pause: Option<Duration>,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

impl TryLater {
    /// What the job waits for, in plain words: operators see it as the job's message.
    pub fn because(reason: impl Into<String>) -> Self {
        TryLater { reason: reason.into(), pause: None, cause: None }
    }

    /// What went wrong, for the log and for operators.
    pub fn caused_by(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Retries after this long, in place of the growing pauses: for a service that says when to come back.
    pub fn after(mut self, pause: Duration) -> Self {
        self.pause = Some(pause);
        self
    }
}

impl fmt::Display for TryLater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl Error for TryLater {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_ref().map(|cause| &**cause as &(dyn Error + 'static))
    }
}

/// A job's error when nothing is wrong and it wants to run again later: `return Err(Snooze::after(…).into())`.
///
/// The attempt does not count, and no error is recorded. Steps that are done stay done. Meanwhile the job is
/// [`Scheduled`](crate::JobState::Scheduled).
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("it asked to run again in {pause:?}")]
pub struct Snooze {
    pause: Duration,
}

impl Snooze {
    /// Runs the job again after this long.
    pub fn after(pause: Duration) -> Self {
        Snooze { pause }
    }
}

/// A job's error when no further attempt can succeed: the job is discarded at once, and its listener is notified.
/// `return Err(Discard::because("the address does not exist").into())`.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{reason}")]
pub struct Discard {
    reason: String,
}

impl Discard {
    /// Why, for operators.
    pub fn because(reason: impl Into<String>) -> Self {
        Discard { reason: reason.into() }
    }
}

/// Whether an attempt ended with [`Discard`].
pub(crate) fn is_final(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.is::<Discard>())
}

/// A job that a rate limit lets wait.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a rate limit lets it wait for its turn")]
pub(crate) enum NotYourTurn {
    /// For its turn, which is then.
    Wait(Timestamp),
    /// Its turn is too far ahead to say; it asks again then.
    AskAgain(Timestamp),
}

/// An attempt that does not count.
#[derive(Debug)]
pub(crate) enum Postponed {
    /// It waits for something outside.
    Waits {
        /// The reason shown to operators.
        reason: String,
        /// When to retry; if not set, the pauses grow.
        pause: Option<Duration>,
    },
    /// It asked for it.
    Snoozes(Duration),
    /// It waits for its turn.
    Turn(NotYourTurn),
}

/// Whether an attempt ended for a reason that is not its own fault.
pub(crate) fn postponed(error: &anyhow::Error) -> Option<Postponed> {
    error.chain().find_map(|cause| {
        if let Some(later) = cause.downcast_ref::<TryLater>() {
            return Some(Postponed::Waits { reason: later.reason.clone(), pause: later.pause });
        }
        if let Some(snooze) = cause.downcast_ref::<Snooze>() {
            return Some(Postponed::Snoozes(snooze.pause));
        }
        if let Some(turn) = cause.downcast_ref::<NotYourTurn>() {
            return Some(Postponed::Turn(*turn));
        }
        cause.downcast_ref::<DataError>()?.retry_after()?;
        Some(Postponed::Waits { reason: "waiting for the database".to_owned(), pause: None })
    })
}
