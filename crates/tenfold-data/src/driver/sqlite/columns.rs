//! The columns that a text gives, compared with what its author reads: those of a table, whose types are declared.

use rusqlite::Statement;

use crate::driver::DriverError;
use crate::row::ReadError;
use crate::value::Kind;

/// What SQLite calls the types of a migration's columns, what each is read as, and how an author says so.
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

/// Refuses columns that are no such kinds, whether or not there is a row. What is computed has no type before it has a value.
/// A text that gives no columns gives no rows either.
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
