//! Finds the constraint that SQLite means: from its messages and, for a foreign key, by querying.

use rusqlite::{Connection, Error, ErrorCode, params_from_iter};

use crate::constraint::{Constraint, ConstraintKind};
use crate::driver::DriverError;
use crate::value::Value;

/// Extended codes; <https://www.sqlite.org/rescode.html>.
const UNIQUE: i32 = 2067;
const PRIMARY_KEY: i32 = 1555;
const ROWID: i32 = 2579;
const NOT_NULL: i32 = 1299;
const FOREIGN_KEY: i32 = 787;
const CHECK: i32 = 275;
const DATATYPE: i32 = 3091;

/// The violated constraint. `message` is SQLite's own.
pub(super) fn broken(code: i32, message: &str) -> Option<DriverError> {
    // `UNIQUE constraint failed: auth_users.org_id, auth_users.email` names the columns after the colon.
    let named = message.split_once(": ").map_or("", |(_, named)| named);
    let kind = match code {
        UNIQUE | PRIMARY_KEY | ROWID => ConstraintKind::Unique,
        NOT_NULL => ConstraintKind::NotNull,
        FOREIGN_KEY => ConstraintKind::ForeignKey,
        CHECK => ConstraintKind::Check,
        // Integer sums beyond 64 bits become REAL, which a STRICT table does not accept.
        DATATYPE if message.contains("REAL value in INTEGER column") => return Some(DriverError::OutOfRange),
        _ => return None,
    };
    let mut constraint = Constraint::new(kind, "");
    match kind {
        ConstraintKind::Unique | ConstraintKind::NotNull => {
            for (table, column) in named.split(", ").filter_map(|name| name.split_once('.')) {
                table.clone_into(&mut constraint.table);
                constraint.columns.push(column.to_owned());
            }
        }
        ConstraintKind::Check => constraint.name = Some(named.to_owned()),
        ConstraintKind::ForeignKey => {}
    }
    Some(DriverError::Constraint(Box::new(constraint)))
}

pub(super) fn is_foreign_key(error: &Error) -> bool {
    let Error::SqliteFailure(failure, _) = error else { return false };
    failure.code == ErrorCode::ConstraintViolation && failure.extended_code == FOREIGN_KEY
}

/// Finds the dangling reference of a generated insert. SQLite reports only that there is one.
pub(super) fn broken_reference(connection: &Connection, text: &str, values: &[Value]) -> Option<Constraint> {
    let (table, rest) = text.strip_prefix("INSERT INTO ")?.split_once(" (")?;
    let columns: Vec<&str> = rest.split_once(") VALUES (")?.0.split(", ").collect();
    for reference in references(connection, table).ok()? {
        let own = |column: &String| {
            let place = columns.iter().position(|name| name == column)?;
            values.get(place).filter(|value| **value != Value::Null)
        };
        // A reference with a NULL part refers to nothing on purpose.
        let Some(values) = reference.from.iter().map(own).collect::<Option<Vec<_>>>() else { continue };
        if !reference.leads_somewhere(connection, &values).ok()? {
            let mut constraint = Constraint::new(ConstraintKind::ForeignKey, table);
            constraint.columns = reference.from;
            return Some(constraint);
        }
    }
    None
}

/// A foreign key of a table.
struct Reference {
    id: i64,
    table: String,
    from: Vec<String>,
    to: Vec<String>,
}

fn references(connection: &Connection, table: &str) -> rusqlite::Result<Vec<Reference>> {
    let text = r#"SELECT id, "table", "from", "to" FROM pragma_foreign_key_list($1) ORDER BY id, seq"#;
    let mut statement = connection.prepare_cached(text)?;
    let mut rows = statement.query([table])?;
    let mut references: Vec<Reference> = Vec::new();
    while let Some(row) = rows.next()? {
        let id = row.get(0)?;
        if references.last().is_none_or(|last| last.id != id) {
            references.push(Reference { id, table: row.get(1)?, from: Vec::new(), to: Vec::new() });
        }
        if let Some(last) = references.last_mut() {
            last.from.push(row.get(2)?);
            last.to.push(row.get(3)?);
        }
    }
    Ok(references)
}

impl Reference {
    fn leads_somewhere(&self, connection: &Connection, values: &[&Value]) -> rusqlite::Result<bool> {
        let conditions: Vec<_> =
            self.to.iter().enumerate().map(|(n, column)| format!("{column} = ?{}", n + 1)).collect();
        let text = format!("SELECT 1 FROM {} WHERE {}", self.table, conditions.join(" AND "));
        connection.prepare(&text)?.exists(params_from_iter(values))
    }
}
