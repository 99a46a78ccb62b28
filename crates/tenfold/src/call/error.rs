//! What a caller learns when a call to another module fails.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tenfold_data::{ConstraintKind, DataError};

/// A failed call to another module: one of a few outcomes, which a caller can act upon and a network could carry.
///
/// It names no table, statement, column or entity of the other module. A method of an interface writes `?` on a
/// [`DataError`]; what happened is logged where the call ends, with the trace, and stays there.
#[derive(Clone, Debug, thiserror::Error, Serialize, Deserialize)]
pub struct CallError {
    outcome: CallOutcome,
    /// The module and the method, once the call has ended.
    #[serde(skip)]
    call: Option<(&'static str, &'static str)>,
    /// For the log of the module that was called; none once the call has ended.
    #[serde(skip)]
    #[source]
    cause: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// How a call to another module failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum CallOutcome {
    /// What was asked for is not there, or belongs to another organization.
    #[error("what was asked for is not there")]
    NotFound,
    /// Something that is stored is in the way, such as a unique value that is taken.
    #[error("it conflicts with what is stored")]
    Conflict,
    /// It was changed since the caller saw it.
    #[error("it was changed meanwhile")]
    Stale,
    /// A value is not allowed.
    #[error("a value is not allowed: {detail}")]
    Invalid {
        /// What is allowed, for the client: without names of the module's tables and columns.
        detail: Cow<'static, str>,
    },
    /// The cursor is not one of the list that was asked for.
    #[error("the cursor is not one of this list: start again without a cursor")]
    Cursor,
    /// A bound is reached. Nothing was stored.
    #[error("it is busy: try again after {retry_after:?}")]
    Busy {
        /// When the same call may succeed.
        retry_after: Duration,
    },
    /// The module or its database cannot be reached. Nothing was stored.
    #[error("it cannot be reached: try again after {retry_after:?}")]
    Unavailable {
        /// When the same call may succeed.
        retry_after: Duration,
    },
    /// The call took too long.
    #[error("it did not respond in time")]
    Deadline,
    /// The connection broke after the call was sent: it may have taken effect.
    #[error("the response was lost: it is unknown whether the call took effect")]
    OutcomeUnknown,
    /// The caller made the call inside a transaction: a mistake of its author. Nothing was called.
    #[error("{detail}")]
    InsideTransaction {
        /// Where the call is made and where the transaction was opened, in the caller's own files.
        detail: String,
    },
    /// The module failed. Its log says why.
    #[error("it failed: the log says why")]
    Internal,
}

impl CallError {
    /// A failure of the module, with what happened for its log: an error, or a text.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        CallError::from(CallOutcome::Internal).cause(cause)
    }

    /// A value that is not allowed. The client gets the text: it says what is allowed.
    pub fn invalid(detail: impl Into<Cow<'static, str>>) -> Self {
        CallOutcome::Invalid { detail: detail.into() }.into()
    }

    /// Adds what happened, for the log of the module. No caller sees it.
    pub fn cause(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.cause = Some(Arc::from(cause.into()));
        self
    }

    /// How the call failed.
    pub fn outcome(&self) -> &CallOutcome {
        &self.outcome
    }

    /// When the same call may succeed, where nothing of it was stored.
    pub fn retry_after(&self) -> Option<Duration> {
        match self.outcome {
            CallOutcome::Busy { retry_after } | CallOutcome::Unavailable { retry_after } => Some(retry_after),
            _ => None,
        }
    }

    /// The refusal of a call inside a transaction. `refusal` names the caller's own files.
    pub(super) fn inside_transaction(
        refusal: &DataError,
        module: &'static str,
        method: &'static str,
    ) -> Self {
        let outcome = CallOutcome::InsideTransaction { detail: refusal.to_string() };
        CallError { outcome, call: Some((module, method)), cause: None }
    }

    /// Whether the caller has it already.
    pub(super) fn has_left(&self) -> bool {
        self.call.is_some()
    }

    /// The error as the caller gets it: what happened goes to the log, within the span of the call.
    pub(super) fn at_boundary(mut self, module: &'static str, method: &'static str) -> Self {
        if let CallOutcome::InsideTransaction { detail } = &self.outcome {
            // The mistake is that of the module that was called, and so are the files that it names.
            self = CallError::internal(detail.as_str());
        }
        if let Some(cause) = self.cause.take() {
            let error: &(dyn std::error::Error + 'static) = &*cause;
            if self.outcome.is_refusal() {
                tracing::debug!(module, method, error, "call refused");
            } else {
                tracing::error!(module, method, error, "call failed");
            }
        }
        self.call = Some((module, method));
        self
    }
}

impl CallOutcome {
    /// Whether the module works and the arguments are at fault.
    fn is_refusal(&self) -> bool {
        use CallOutcome::{Conflict, Cursor, Invalid, NotFound, Stale};
        matches!(self, NotFound | Conflict | Stale | Invalid { .. } | Cursor)
    }
}

impl From<CallOutcome> for CallError {
    fn from(outcome: CallOutcome) -> Self {
        CallError { outcome, call: None, cause: None }
    }
}

impl From<DataError> for CallError {
    fn from(error: DataError) -> Self {
        let invalid = |detail| CallOutcome::Invalid { detail: Cow::Borrowed(detail) };
        let retry_after = error.retry_after().unwrap_or(Duration::from_secs(1));
        let outcome = match &error {
            DataError::NotFound { .. } => CallOutcome::NotFound,
            DataError::Conflict { .. } => CallOutcome::Conflict,
            DataError::Refused { constraint, .. } if constraint.kind == ConstraintKind::ForeignKey => {
                CallOutcome::Conflict
            }
            DataError::Stale { .. } => CallOutcome::Stale,
            DataError::NotFinite { .. } => invalid("a number is not finite"),
            DataError::OutOfRange { .. } => invalid("a number is too large"),
            DataError::NulInText { .. } => invalid("text must not contain NUL characters"),
            DataError::Cursor => CallOutcome::Cursor,
            DataError::Overloaded { .. } | DataError::GroupLost(_) => CallOutcome::Busy { retry_after },
            DataError::Unavailable(_) => CallOutcome::Unavailable { retry_after },
            DataError::Deadline { .. } => CallOutcome::Deadline,
            DataError::OutcomeUnknown(_) => CallOutcome::OutcomeUnknown,
            _ => CallOutcome::Internal,
        };
        CallError::from(outcome).cause(error)
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((module, method)) = self.call {
            write!(formatter, "{module}.{method}: ")?;
        }
        self.outcome.fmt(formatter)
    }
}
