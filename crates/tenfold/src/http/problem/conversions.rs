//! Which problem an error of another layer is.

use tenfold_data::{Constraint, ConstraintKind, DataError, Entity, MoneyError, Unique};

use super::Problem;
use crate::call::{CallError, CallOutcome};

/// A type's name as words: `SecondFactor` is a second factor.
fn in_words(entity: &str) -> String {
    let mut words = String::with_capacity(entity.len() + 4);
    let mut last = ' ';
    for letter in entity.chars() {
        if letter.is_uppercase() && last.is_lowercase() {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
        last = letter;
    }
    words
}

/// `another account has the same email`.
fn taken(constraint: &Constraint) -> String {
    let columns = constraint.columns.iter().filter(|column| *column != "org_id");
    let columns: Vec<_> = columns.map(|column| column.replace('_', " ")).collect();
    match constraint.entity {
        Some(entity) if !columns.is_empty() => {
            format!("another {} has the same {}", in_words(entity), columns.join(" and "))
        }
        _ => "a row with the same value exists already".to_owned(),
    }
}

/// What a caller says of a unique value that is taken, in place of the general 409.
pub trait OnConflict<T> {
    /// Turns the error of these unique values into the caller's own problem, and leaves any other as it is:
    /// `account.insert(tx).await.on_conflict(Account::unique_email, || Problem::conflict("…"))?`.
    ///
    /// # Errors
    /// The caller's problem, which keeps what really happened for the log, or the error's own.
    fn on_conflict<E: Entity>(
        self,
        unique: Unique<E>,
        problem: impl FnOnce() -> Problem,
    ) -> Result<T, Problem>;
}

impl<T> OnConflict<T> for Result<T, DataError> {
    fn on_conflict<E: Entity>(
        self,
        unique: Unique<E>,
        problem: impl FnOnce() -> Problem,
    ) -> Result<T, Problem> {
        self.map_err(|error| match error.violates(unique) {
            true => problem().cause(error),
            false => error.into(),
        })
    }
}

impl From<DataError> for Problem {
    fn from(error: DataError) -> Self {
        match &error {
            DataError::NotFound { entity, .. } => Problem::not_found(&in_words(entity)),
            DataError::Conflict { constraint, .. } => Problem::conflict(taken(constraint)).cause(error),
            DataError::Refused { constraint, .. } if constraint.kind == ConstraintKind::ForeignKey => {
                let what = "it refers to something that does not exist, or something else refers to it";
                Problem::conflict(what).cause(error)
            }
            DataError::Stale { .. } => Problem::stale().cause(error),
            DataError::NotFinite { .. } => Problem::invalid("a number is not finite").cause(error),
            DataError::OutOfRange { .. } => Problem::invalid("a number is too large").cause(error),
            DataError::NulInText { .. } => Problem::invalid("text must not contain NUL characters"),
            DataError::Cursor => Problem::bad_request(error.to_string()),
            DataError::Deadline { .. } => Problem::too_long().cause(error),
            _ => match error.retry_after() {
                Some(after) => Problem::overloaded(after).cause(error),
                None => Problem::internal(error),
            },
        }
    }
}

impl From<MoneyError> for Problem {
    fn from(error: MoneyError) -> Self {
        Problem::invalid(error.to_string())
    }
}

impl From<CallError> for Problem {
    fn from(error: CallError) -> Self {
        let problem = match error.outcome() {
            CallOutcome::NotFound => Problem::not_found("thing"),
            CallOutcome::Conflict => Problem::conflict("something that is stored is in the way"),
            CallOutcome::Stale => Problem::stale(),
            CallOutcome::Invalid { detail } => Problem::invalid(&**detail),
            CallOutcome::Cursor => Problem::bad_request(DataError::Cursor.to_string()),
            CallOutcome::Busy { retry_after } | CallOutcome::Unavailable { retry_after } => {
                Problem::overloaded(*retry_after)
            }
            CallOutcome::Deadline => Problem::too_long(),
            CallOutcome::OutcomeUnknown | CallOutcome::InsideTransaction { .. } | CallOutcome::Internal => {
                return Problem::internal(error);
            }
        };
        problem.cause(error)
    }
}

impl From<anyhow::Error> for Problem {
    fn from(error: anyhow::Error) -> Self {
        match error.downcast::<DataError>() {
            Ok(error) => error.into(),
            Err(error) => match error.downcast::<CallError>() {
                Ok(error) => error.into(),
                Err(error) => Problem::internal(error),
            },
        }
    }
}
