//! A job that cannot go on for an external reason.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use tenfold_data::DataError;

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

/// An attempt that does not count.
#[derive(Debug)]
pub(crate) struct Postponed {
    /// The reason shown to operators.
    pub reason: String,
    /// When to retry; if not set, the pauses grow.
    pub pause: Option<Duration>,
}

/// Whether an attempt failed for an external reason.
pub(crate) fn postponed(error: &anyhow::Error) -> Option<Postponed> {
    error.chain().find_map(|cause| {
        if let Some(later) = cause.downcast_ref::<TryLater>() {
            return Some(Postponed { reason: later.reason.clone(), pause: later.pause });
        }
        cause.downcast_ref::<DataError>()?.retry_after()?;
        Some(Postponed { reason: "waiting for the database".to_owned(), pause: None })
    })
}
