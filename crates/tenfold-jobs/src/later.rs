//! A job that cannot go on for a reason that is not its own.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use tenfold_data::DataError;

/// A job's error when something that it needs is away: a disk, a network, another service.
///
/// The job is tried again for as long as that takes, and the attempt does not count: [`Job::MAX_ATTEMPTS`] is for
/// failures of the job's own. The pauses grow from a second to five minutes and begin anew when the job gets a step
/// further. Meanwhile the job is [`Retryable`](crate::JobState::Retryable), its message is the reason, and the cause is
/// the last of its errors; an operator can try it at once, or end it.
///
/// It may stand anywhere among an error's causes, so a step may give it, and `.context(…)` may be added:
///
/// ```ignore
/// let bytes = store.read(path).await.map_err(|error| {
///     TryLater::because("waits for the file store, which cannot be reached").caused_by(error)
/// })?;
/// ```
///
/// A database that is away or overloaded ([`DataError::retry_after`](tenfold_data::DataError::retry_after)) counts as
/// one without more words.
///
/// [`Job::MAX_ATTEMPTS`]: crate::Job::MAX_ATTEMPTS
#[derive(Debug)]
pub struct TryLater {
    reason: String,
    pause: Option<Duration>,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

impl TryLater {
    /// What the job waits for, in plain words: people see it as the job's message.
    pub fn because(reason: impl Into<String>) -> Self {
        TryLater { reason: reason.into(), pause: None, cause: None }
    }

    /// What went wrong, for the log and for operators.
    pub fn caused_by(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Tries again after this long, in place of the pauses that grow: where the other side has said when.
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
    /// The reason shown to people.
    pub reason: String,
    /// When to try again; without, the pauses grow.
    pub pause: Option<Duration>,
}

/// Whether an attempt came to nothing for a reason that is not the job's own.
pub(crate) fn postponed(error: &anyhow::Error) -> Option<Postponed> {
    error.chain().find_map(|cause| {
        if let Some(later) = cause.downcast_ref::<TryLater>() {
            return Some(Postponed { reason: later.reason.clone(), pause: later.pause });
        }
        cause.downcast_ref::<DataError>()?.retry_after()?;
        Some(Postponed { reason: "waiting for the database".to_owned(), pause: None })
    })
}
