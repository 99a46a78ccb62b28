//! Compares the columns that a text returns with what its author reads.

use tokio_postgres::Column;
use tokio_postgres::types::Type;

use crate::driver::DriverError;
use crate::error::Source;
use crate::row::{ReadError, is_read_as};
use crate::value::Kind;

/// Each kind, and the Rust type that an author reads it as.
const READ: [(Kind, &str); 9] = [
    (Kind::Uuid, "an id or Uuid"),
    (Kind::Text, "a String"),
    (Kind::Integer, "an i64"),
    (Kind::Real, "an f64"),
    (Kind::Boolean, "a bool"),
    (Kind::Time, "a Timestamp"),
    (Kind::Date, "a Date"),
    (Kind::Json, "a serde_json::Value"),
    (Kind::Bytes, "a Vec<u8>"),
];

/// The Rust type that reads a column of this type.
fn reader(ty: &Type) -> Option<&'static str> {
    READ.iter().find(|(kind, _)| is_read_as(*kind, ty)).map(|(_, reader)| *reader)
}

/// Refuses columns that are not of these kinds, whether or not there is a row. A text without columns has no rows
/// either.
pub(super) fn compare(columns: &[Column], reads: &[Kind]) -> Result<(), DriverError> {
    if columns.is_empty() {
        return Ok(());
    }
    for (index, kind) in reads.iter().enumerate() {
        let error = match columns.get(index) {
            None => ReadError::missing(index, *kind),
            Some(column) if is_read_as(*kind, column.type_()) => continue,
            Some(column) => {
                let instead = reader(column.type_()).unwrap_or("nothing");
                ReadError::other(index, *kind, (column.name(), column.type_().name()), instead)
            }
        };
        return Err(DriverError::Read(error));
    }
    Ok(())
}

/// Refuses a column that no Rust type can read.
pub(super) fn refuse_unread(columns: &[Column]) -> Result<(), DriverError> {
    let unread = columns.iter().enumerate().find(|(_, column)| reader(column.type_()).is_none());
    let Some((index, column)) = unread else { return Ok(()) };
    let (name, kind) = (column.name(), column.type_());
    Err(DriverError::Other(Source::new(format!(
        "column {index} ({name}) is {kind}, which no Rust type reads: CAST it to one of bigint, double precision, text, \
         boolean, timestamptz, date, jsonb, uuid and bytea"
    ))))
}
