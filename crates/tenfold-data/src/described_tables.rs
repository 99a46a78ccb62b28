//! What the database says about its tables: columns, keys, indexes and references.
//!
//! A process does not know its entities before their first use, and a table may have none. So the schema itself is read.

use std::panic::Location;

use serde::{Deserialize, Serialize};

use crate::context::{Caller as _, SystemContext};
use crate::error::DataError;
use crate::query::Target;
use crate::statement::{Dialect, Statement, StatementCost};

/// The name of the statement, which reads the catalogue and no rows.
pub(crate) const DESCRIBE_TABLES: &str = "tenfold.describe_tables";

/// A table as the database knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableDescription {
    /// Its name, which begins with that of its module.
    pub name: String,
    /// Its columns, in their order.
    pub columns: Vec<ColumnDescription>,
    /// The columns of its primary key, in their order. The first one is `org_id` if its rows belong to organizations.
    pub key: Vec<String>,
    /// Its indexes.
    pub indexes: Vec<IndexDescription>,
    /// What its foreign keys refer to, one entry a column.
    pub references: Vec<ReferenceDescription>,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnDescription {
    /// Its name.
    pub name: String,
    /// Its type, in the words of the database.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it may be NULL.
    pub nullable: bool,
}

/// An index of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexDescription {
    /// Its name.
    pub name: String,
    /// Whether its values are unique.
    pub unique: bool,
    /// Whether it has some of the rows only.
    pub partial: bool,
    /// Its columns, in their order; an expression is its text, or `expression` on SQLite.
    pub columns: Vec<String>,
}

/// A column that refers to another table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReferenceDescription {
    /// The column.
    pub column: String,
    /// The table.
    pub table: String,
}

/// Booleans of SQLite are numbers, so the texts of JSON are written out. What a query in brackets gives is a text, so `json()` makes it
/// JSON again.
const ON_SQLITE: &str = "
SELECT json_object(
    'name', t.name,
    'columns', json((SELECT json_group_array(json_object('name', c.name, 'type', c.type,
            'nullable', json(CASE WHEN c.\"notnull\" = 0 AND c.pk = 0 THEN 'true' ELSE 'false' END)))
        FROM pragma_table_info(t.name) AS c)),
    'key', json((SELECT json_group_array(k.name) FROM (
            SELECT c.name FROM pragma_table_info(t.name) AS c WHERE c.pk > 0 ORDER BY c.pk) AS k)),
    'indexes', json((SELECT json_group_array(json_object('name', i.name,
            'unique', json(CASE WHEN i.\"unique\" = 1 THEN 'true' ELSE 'false' END),
            'partial', json(CASE WHEN i.partial = 1 THEN 'true' ELSE 'false' END),
            'columns', json((SELECT json_group_array(coalesce(x.name, 'expression')) FROM pragma_index_info(i.name) AS x))))
        FROM pragma_index_list(t.name) AS i WHERE i.origin <> 'pk')),
    'references', json((SELECT json_group_array(json_object('column', f.\"from\", 'table', f.\"table\"))
        FROM pragma_foreign_key_list(t.name) AS f)))
FROM sqlite_schema AS t WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY t.name";

/// The catalogue itself: the views of `information_schema` show a role that owns nothing less than it may use.
const ON_POSTGRES: &str = "
SELECT json_build_object(
    'name', t.relname,
    'columns', (SELECT coalesce(json_agg(json_build_object('name', a.attname,
            'type', format_type(a.atttypid, a.atttypmod), 'nullable', NOT a.attnotnull) ORDER BY a.attnum), '[]')
        FROM pg_attribute a WHERE a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped),
    'key', (SELECT coalesce(json_agg(pg_get_indexdef(i.indexrelid, n, true) ORDER BY n), '[]')
        FROM pg_index i, generate_series(1, i.indnkeyatts) AS n WHERE i.indrelid = t.oid AND i.indisprimary),
    'indexes', (SELECT coalesce(json_agg(json_build_object('name', c.relname, 'unique', i.indisunique,
            'partial', i.indpred IS NOT NULL,
            'columns', (SELECT json_agg(pg_get_indexdef(i.indexrelid, n, true) ORDER BY n)
                FROM generate_series(1, i.indnkeyatts) AS n)) ORDER BY c.relname), '[]')
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = t.oid AND NOT i.indisprimary),
    'references', (SELECT coalesce(json_agg(json_build_object('column', a.attname, 'table', r.relname)
            ORDER BY f.conname, k.place), '[]')
        FROM pg_constraint f
        CROSS JOIN unnest(f.conkey) WITH ORDINALITY AS k(number, place)
        JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = k.number
        JOIN pg_class r ON r.oid = f.confrelid
        WHERE f.conrelid = t.oid AND f.contype = 'f'))::text
FROM pg_class t
WHERE t.relkind IN ('r', 'p') AND NOT t.relispartition AND t.relnamespace = current_schema()::regnamespace
ORDER BY t.relname COLLATE \"C\"";

impl SystemContext {
    /// All tables of the database, the framework's among them, by name. It reads the database's catalogue and no rows.
    ///
    /// # Errors
    /// Any error of the statement.
    #[track_caller]
    pub fn describe_tables(
        &self,
    ) -> impl Future<Output = Result<Vec<TableDescription>, DataError>> + Send + use<> {
        let target = Target::of(&self.origin(), false, Location::caller());
        async move {
            let target = target?;
            let text = match target.scope.database().dialect() {
                Dialect::Sqlite => ON_SQLITE,
                Dialect::Postgres => ON_POSTGRES,
            };
            let statement = Statement::new(DESCRIBE_TABLES, "tenfold-data", text, StatementCost::Free);
            let found = target.fetch(&statement, &[], |row| row.text(0)).await?;
            let read = |table: &String| {
                let unexpected = |error: serde_json::Error| {
                    DataError::Settings(format!("{DESCRIBE_TABLES} gives {table}: {error}"))
                };
                serde_json::from_str::<TableDescription>(table).map_err(unexpected)
            };
            found.iter().map(read).collect()
        }
    }
}
