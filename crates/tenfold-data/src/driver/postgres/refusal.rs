//! Translates PostgreSQL's errors for the caller.

use std::error::Error as _;

use tokio_postgres::error::{DbError, SqlState};

use super::tls;
use crate::constraint::{Constraint, ConstraintKind};
use crate::driver::DriverError;
use crate::error::Source;

/// Translates a PostgreSQL error for the caller.
pub(super) fn classify(error: tokio_postgres::Error) -> DriverError {
    let Some(refusal) = error.as_db_error() else {
        return unanswered(error);
    };
    if let Some(constraint) = broken(refusal) {
        return DriverError::Constraint(Box::new(constraint));
    }
    match refusal.code() {
        &SqlState::NUMERIC_VALUE_OUT_OF_RANGE => DriverError::OutOfRange,
        &SqlState::QUERY_CANCELED => DriverError::Deadline,
        &SqlState::TOO_MANY_CONNECTIONS => {
            DriverError::Overloaded("PostgreSQL has no connection left (max_connections)")
        }
        &SqlState::LOCK_NOT_AVAILABLE => DriverError::Locked(Source::new(explain(refusal))),
        // An unnamed statement is checked only when its values arrive; too few values are reported like this.
        &SqlState::PROTOCOL_VIOLATION => DriverError::Other(Source::new(explain(refusal))),
        // 57P0x: the server is shutting down or starting up. 08: the connection broke.
        code if code.code().starts_with("57P") || code.code().starts_with("08") => {
            DriverError::Unavailable(Source::new(error))
        }
        &SqlState::T_R_DEADLOCK_DETECTED | &SqlState::T_R_SERIALIZATION_FAILURE => {
            DriverError::Overloaded("the transaction ran into another one; try it again")
        }
        _ => DriverError::Other(Source::new(explain(refusal))),
    }
}

/// The constraint that a value violates.
fn broken(refusal: &DbError) -> Option<Constraint> {
    let kind = match *refusal.code() {
        SqlState::UNIQUE_VIOLATION => ConstraintKind::Unique,
        SqlState::FOREIGN_KEY_VIOLATION => ConstraintKind::ForeignKey,
        SqlState::NOT_NULL_VIOLATION => ConstraintKind::NotNull,
        SqlState::CHECK_VIOLATION => ConstraintKind::Check,
        _ => return None,
    };
    let mut constraint = Constraint::new(kind, refusal.table().unwrap_or_default());
    constraint.name = refusal.constraint().map(str::to_owned);
    // `Key (org_id, email)=(…, …) already exists.`: the columns are here, whatever the language of the message.
    let columns = refusal.detail().and_then(|detail| detail.split_once('(')?.1.split_once(")=("));
    match (refusal.column(), columns) {
        (Some(column), _) => constraint.columns = vec![column.to_owned()],
        (None, Some((columns, _))) => constraint.columns = columns.split(", ").map(str::to_owned).collect(),
        (None, None) => {}
    }
    Some(constraint)
}

/// An error while opening a connection. Whatever the cause, for example a wrong password or a missing database, it is
/// not the author's mistake: no connection works until the server or its address is repaired.
pub(super) fn unconnected(error: tokio_postgres::Error) -> DriverError {
    if let Some(hint) = tls::hint(&error) {
        return DriverError::Unavailable(Source::new(hint));
    }
    match classify(error) {
        DriverError::Other(source) => DriverError::Unavailable(source),
        other => other,
    }
}

/// An error that did not come from the server: the connection is gone, or the values do not fit the text.
fn unanswered(error: tokio_postgres::Error) -> DriverError {
    let Some(cause) = error.source() else {
        let closed = error.is_closed();
        let source = Source::new(error);
        return if closed { DriverError::Unavailable(source) } else { DriverError::Other(source) };
    };
    if cause.is::<std::io::Error>() {
        return DriverError::Unavailable(Source::new(error));
    }
    DriverError::Other(Source::new(format!("{error}: {cause}")))
}

fn explain(refusal: &DbError) -> String {
    let detail = refusal.detail().map(|detail| format!(" ({detail})")).unwrap_or_default();
    format!("{} {}{detail}", refusal.code().code(), refusal.message())
}
