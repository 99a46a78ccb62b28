//! The columns of a constraint that PostgreSQL names, but does not describe.
//!
//! Where row-level security is on, PostgreSQL's errors leave out the row's values, and with them the columns. The
//! catalog has the columns, and any role may read it. The query runs only in that case and on another connection,
//! because the failed transaction accepts no more statements. The failed transaction is given up first: its connection
//! may be the last of the pool, and a task that holds a connection must not wait for another.

use tokio::time::Instant;

use super::connection::Connection;
use crate::constraint::{Constraint, ConstraintKind};
use crate::database::Database;
use crate::driver::{Call, DriverError, Params};
use crate::row::Row;
use crate::statement::{Dialect, Statement, StatementCost};
use crate::value::Value;

const COLUMNS: &str = "SELECT a.attname::text FROM (
        SELECT i.indrelid AS relation, unnest(i.indkey::int2[]) AS number, generate_series(1, i.indnkeyatts) AS place
        FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
        WHERE i.indrelid = to_regclass($1::text) AND x.relname = $2::text
        UNION ALL
        SELECT c.conrelid, unnest(c.conkey), generate_series(1, cardinality(c.conkey))
        FROM pg_constraint c
        WHERE c.conrelid = to_regclass($1::text) AND c.conname = $2::text AND c.contype = 'f'
    ) AS part JOIN pg_attribute a ON a.attrelid = part.relation AND a.attnum = part.number
    WHERE part.place IS NOT NULL ORDER BY part.place";

/// Adds the columns to an error of `statement`, if they are missing and can be found. `connection` is the transaction
/// that the statement ran in, if any.
pub(crate) async fn add_columns(
    database: &Database,
    connection: Option<&Connection>,
    statement: &Statement,
    deadline: Option<Instant>,
    error: DriverError,
) -> DriverError {
    let DriverError::Constraint(mut constraint) = error else { return error };
    if database.dialect() == Dialect::Postgres && is_undescribed(&constraint, statement) {
        connection.into_iter().for_each(Connection::give_up_failed);
        // Without an answer the error still names the constraint.
        constraint.columns = ask(database, &constraint, deadline).await.unwrap_or_default();
    }
    DriverError::Constraint(constraint)
}

fn is_undescribed(constraint: &Constraint, statement: &Statement) -> bool {
    // When other rows still refer to a row, the error names the table of those rows, whose columns are not meant.
    let is_own = statement.name.strip_prefix(&*constraint.table).is_some_and(|verb| verb.starts_with('.'));
    let has_columns = match constraint.kind {
        ConstraintKind::Unique => true,
        ConstraintKind::ForeignKey => is_own,
        ConstraintKind::NotNull | ConstraintKind::Check => false,
    };
    constraint.columns.is_empty() && has_columns
}

async fn ask(database: &Database, constraint: &Constraint, deadline: Option<Instant>) -> Option<Vec<String>> {
    let statement = Statement::new("constraints.columns", "tenfold", COLUMNS, StatementCost::Key);
    let params = [Value::Text(constraint.table.clone()), Value::Text(constraint.name.clone()?)];
    let mut columns = Vec::new();
    let mut sink = |row: &Row<'_>| {
        columns.push(row.text(0)?);
        Ok(())
    };
    let call =
        Call { statement: &statement, params: Params::One(&params), tenant: None, deadline, sink: &mut sink };
    database.driver().run(call).await.ok()?;
    Some(columns)
}
