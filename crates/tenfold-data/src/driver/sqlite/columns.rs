//! Compares the columns that a text returns with what its author reads. Only columns of a table can be compared,
//! because their types are declared.

use rusqlite::Statement;

use crate::driver::DriverError;
use crate::row::ReadError;
use crate::value::Kind;

/// The declared types of a migration's columns, the kinds each is read as, and how an author writes them.
const DECLARED: [(&str, &[Kind], &str); 4] = [
    ("BLOB", &[Kind::Uuid, Kind::Bytes], "an id, Uuid or Vec<u8>"),
    ("TEXT", &[Kind::Text, Kind::Json], "a String or serde_json::Value"),
    (
        "INTEGER",
        &[Kind::Integer, Kind::Integer32, Kind::Real, Kind::Boolean, Kind::Time, Kind::Date],
        "an i64, bool, Timestamp or Date",
    ),
    ("REAL", &[Kind::Real], "an f64"),
];

/// Refuses columns that are not of these kinds, whether or not there is a row. A computed column has no type before it
/// has a value. A text without columns has no rows either.
pub(super) fn compare(statement: &Statement<'_>, reads: &[Kind]) -> Result<(), DriverError> {
    if reads.is_empty() || statement.column_count() == 0 {
        return Ok(());
    }
    let columns = statement.columns();
    if let Some(kind) = reads.get(columns.len()) {
        return Err(DriverError::Read(ReadError::missing(columns.len(), *kind)));
    }
    for (index, (kind, column)) in reads.iter().zip(columns).enumerate() {
        let declared = column.decl_type().unwrap_or_default();
        let known = DECLARED.iter().find(|(name, _, _)| *name == declared);
        if let Some((name, _, instead)) = known.filter(|(_, kinds, _)| !kinds.contains(kind)) {
            return Err(DriverError::Read(ReadError::other(index, *kind, (column.name(), name), instead)));
        }
    }
    Ok(())
}
