//! The errors that a driver reports.

use std::time::Duration;

use crate::constraint::{Constraint, ConstraintKind};
use crate::error::{DataError, Source};
use crate::row::ReadError;
use crate::statement::CallSite;

/// An error of a driver. The layer above adds the statement's name and call site.
#[derive(Debug)]
pub(crate) enum DriverError {
    Constraint(Box<Constraint>),
    OutOfRange,
    Overloaded(&'static str),
    Deadline,
    Unavailable(Source),
    GroupLost(Source),
    OutcomeUnknown(Source),
    TransactionLimit {
        opened: CallSite,
        limit: Duration,
        spent: &'static str,
    },
    Read(ReadError),
    /// A lock was not to be had in the time that the connection, or the text itself, gives it.
    Locked(Source),
    Other(Source),
}

impl DriverError {
    /// A copy for another waiter, if the error does not depend on what each of them asked for.
    pub(crate) fn for_another(&self) -> Option<Self> {
        match self {
            DriverError::Unavailable(source) => Some(DriverError::Unavailable(source.clone())),
            DriverError::Overloaded(what) => Some(DriverError::Overloaded(what)),
            DriverError::Deadline => Some(DriverError::Deadline),
            _ => None,
        }
    }

    pub(crate) fn at(self, statement: &str, site: CallSite) -> DataError {
        let statement = statement.to_owned();
        match self {
            DriverError::Constraint(constraint) if constraint.kind == ConstraintKind::Unique => {
                DataError::Conflict { statement, site, constraint }
            }
            DriverError::Constraint(constraint) => DataError::Refused { statement, site, constraint },
            DriverError::OutOfRange => DataError::OutOfRange { statement, site },
            DriverError::Overloaded(what) => DataError::Overloaded { what },
            DriverError::Deadline => DataError::Deadline { statement },
            DriverError::Unavailable(source) => DataError::Unavailable(source),
            DriverError::GroupLost(source) => DataError::GroupLost(source),
            DriverError::OutcomeUnknown(source) => DataError::OutcomeUnknown(source),
            DriverError::TransactionLimit { opened, limit, spent } => {
                DataError::TransactionLimit { opened, limit, spent }
            }
            DriverError::Read(source) => DataError::Read { statement, site, source },
            DriverError::Locked(source) | DriverError::Other(source) => {
                DataError::Statement { statement, site, source }
            }
        }
    }
}
