//! What can go wrong between a module and its database, in terms of the caller's entities.

use std::sync::Arc;
use std::time::Duration;

use crate::constraint::Constraint;
use crate::row::ReadError;
use crate::statement::CallSite;

/// A failed load, write or transaction.
///
/// It can be cloned, because one failed statement may answer many waiting loads.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// No row that this tenant can see has the key.
    #[error("there is no {entity} {key}")]
    NotFound {
        /// The entity's name.
        entity: &'static str,
        /// The requested key.
        key: String,
    },
    /// A row with the same unique value already exists; see [`DataError::violates`].
    #[error("{statement} at {site}: {constraint}")]
    Conflict {
        /// The statement's name.
        statement: String,
        /// The call site.
        site: CallSite,
        /// Which values must be unique.
        constraint: Box<Constraint>,
    },
    /// A value violates a foreign key, a NOT NULL or a CHECK.
    #[error("{statement} at {site}: {constraint}")]
    Refused {
        /// The statement's name.
        statement: String,
        /// The call site.
        site: CallSite,
        /// The violated constraint.
        constraint: Box<Constraint>,
    },
    /// The row was changed since the writer read it (optimistic locking).
    #[error("{entity} {key} was changed meanwhile: its version is {found}, and {expected} was expected")]
    Stale {
        /// The entity's name.
        entity: &'static str,
        /// The row's key.
        key: String,
        /// The version that the writer has seen.
        expected: i64,
        /// The version that the row has.
        found: i64,
    },
    /// A sum does not fit its type.
    #[error("{statement} at {site}: a number is too large for its type")]
    OutOfRange {
        /// The statement's name.
        statement: String,
        /// The call site.
        site: CallSite,
    },
    /// Text with a NUL character, which PostgreSQL cannot store. Refused on both databases.
    #[error("text for {statement} holds a NUL character: remove it")]
    NulInText {
        /// The statement's name.
        statement: String,
    },
    /// A number that is NaN or infinite. SQLite would store NULL for NaN, and JSON has neither. Refused on both
    /// databases.
    #[error("{column} of {statement} is {value}: a number is finite; where there may be none, store None")]
    NotFinite {
        /// The statement's name.
        statement: String,
        /// The column that the number is for, or its parameter if the text names no column.
        column: String,
        /// The number.
        value: f64,
    },
    /// A cursor that this list did not issue.
    #[error("the cursor is not one of this list: start again without a cursor")]
    Cursor,
    /// A list without a page or limit has more rows than allowed.
    #[error("{statement} at {site} gives more than {limit} rows (database.max_rows): ask for a page")]
    TooManyRows {
        /// The statement's name.
        statement: String,
        /// The call site.
        site: CallSite,
        /// The bound.
        limit: usize,
    },
    /// A bounded queue is full, or the wait for it was too long. Trying again later may work.
    #[error("the database is busy: {what}")]
    Overloaded {
        /// Which bound was reached, with its name in the configuration.
        what: &'static str,
    },
    /// The request's deadline passed while the database was working.
    #[error("the deadline passed during {statement}")]
    Deadline {
        /// The statement's name.
        statement: String,
    },
    /// The database cannot be reached, or it ended the connection.
    #[error("the database cannot be reached: {0}")]
    Unavailable(Source),
    /// The transaction was in a group that the database rolled back (for example because the disk is full). Nothing of
    /// it is stored; trying again is safe.
    #[error("the group commit was lost ({0}); nothing of this transaction is stored")]
    GroupLost(Source),
    /// The connection broke during COMMIT. The transaction may or may not be stored.
    #[error("the connection was lost during COMMIT: it is unknown whether the transaction is stored ({0})")]
    OutcomeUnknown(Source),
    /// Something was requested from a `Context` while a transaction made from it was open.
    #[error(
        "{what} at {site} goes past the transaction that was opened at {opened}: inside a transaction everything \
         goes through `tx`, or it would wait for what its caller holds"
    )]
    TransactionOpen {
        /// What was requested: a transaction, a query, a call.
        what: &'static str,
        /// The call site.
        site: CallSite,
        /// Where the transaction was opened.
        opened: CallSite,
    },
    /// A transaction was open for too long. Nothing of it is stored.
    #[error(
        "the transaction opened at {opened} was open for more than {limit:?} (database.transaction_limit) and was \
         rolled back: {spent}; what takes long belongs before the transaction, or in a job that it enqueues"
    )]
    TransactionLimit {
        /// Where the transaction was opened.
        opened: CallSite,
        /// The bound.
        limit: Duration,
        /// What it spent its time on.
        spent: &'static str,
    },
    /// A load on a request that is over, or on a context whose scope is not driven.
    #[error("a load at {site} came {when}: await it inside the request, or use Context::spawn")]
    OutsideScope {
        /// The call site.
        site: CallSite,
        /// `after its request had ended` or `before anybody drove its scope`.
        when: &'static str,
    },
    /// A load that was begun inside a transaction was still under way when the transaction's closure returned.
    #[error("the transaction of {site} ended while a load inside it was under way: await every load")]
    LoadNotAwaited {
        /// Where the transaction was opened.
        site: CallSite,
    },
    /// A relation was touched through the context of another organization than its entity was loaded with.
    #[error("a relation at {site} was touched through the context of another organization")]
    OtherTenant {
        /// The call site.
        site: CallSite,
    },
    /// The request that a load was merged into ended before the load was answered.
    #[error("the load was abandoned by the request that it was merged into")]
    Abandoned,
    /// A row does not fit its entity.
    #[error("{statement} at {site}: {source}")]
    Read {
        /// The statement's name.
        statement: String,
        /// The call site.
        site: CallSite,
        /// The column, and what it holds.
        source: ReadError,
    },
    /// Any other error from the database.
    #[error("{statement} at {site}: {source}")]
    Statement {
        /// The statement's name.
        statement: String,
        /// The call site.
        site: CallSite,
        /// The driver's error.
        source: Source,
    },
    /// The program requests something in a transaction that a layer above refuses: a mistake of its author.
    #[error("{what} at {site}: {why}")]
    Misuse {
        /// What was requested.
        what: String,
        /// The call site.
        site: CallSite,
        /// Why it is refused, and what to do.
        why: String,
    },
    /// A migration could not run.
    #[error("{0}")]
    Migration(String),
    /// The database's address or a setting cannot be used.
    #[error("{0}")]
    Settings(String),
}

impl DataError {
    /// How long to wait before the same request may succeed, when nothing was stored: for an overload, or a database
    /// that is unavailable.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            DataError::Overloaded { .. } | DataError::GroupLost(_) => Some(Duration::from_secs(1)),
            DataError::Unavailable(_) => Some(Duration::from_secs(2)),
            _ => None,
        }
    }

    /// Whether the error is a unique value that is taken, whichever it is.
    pub fn is_conflict(&self) -> bool {
        matches!(self, DataError::Conflict { .. })
    }

    /// The constraint that a value violates.
    pub fn constraint(&self) -> Option<&Constraint> {
        match self {
            DataError::Conflict { constraint, .. } | DataError::Refused { constraint, .. } => {
                Some(constraint)
            }
            _ => None,
        }
    }
}

/// The driver's own error, shared by all loads that it affects.
#[derive(Clone, Debug, thiserror::Error)]
#[error(transparent)]
pub struct Source(Arc<dyn std::error::Error + Send + Sync>);

impl Source {
    pub(crate) fn new(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Source(Arc::from(error.into()))
    }
}
