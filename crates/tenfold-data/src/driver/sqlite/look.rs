//! Plans and the schema, on a connection that is opened for them.

use std::collections::HashMap;
use std::path::Path;

use rusqlite::Connection;

use super::connection::{classify, open_reader};
use crate::driver::look::{MOST_ITEMS, bounded, is_planned};
use crate::driver::{DatabaseLook, DriverError, PlanRequest, SchemaItem, SqliteSettings};

const SCHEMA: &str = "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema
     WHERE type IN ('table', 'index') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' LIMIT $1";

/// There is no such table before the first migration.
const STATISTICS: &str =
    "SELECT 'statistics', coalesce(idx, tbl), tbl, coalesce(stat, '') FROM sqlite_stat1 LIMIT $1";

/// The plans and the schema. It reads the file, so call it on a thread for blocking work.
pub(super) fn look(
    path: &Path,
    settings: &SqliteSettings,
    wanted: &[PlanRequest],
) -> Result<DatabaseLook, DriverError> {
    let connection = open_reader(path, settings)?;
    // A table may be gone by now.
    let plan = |wanted: &PlanRequest| plan_of(&connection, &wanted.text).ok().flatten();
    let plans = wanted.iter().map(plan).collect();
    let schema = bounded(schema_of(&connection).map_err(|error| classify(&error))?);
    Ok(DatabaseLook { plans, schema, ..DatabaseLook::default() })
}

/// The steps of a statement, those within another one indented. Parameters have no values.
fn plan_of(connection: &Connection, text: &str) -> rusqlite::Result<Option<String>> {
    if !is_planned(text) {
        return Ok(None);
    }
    let mut explained = connection.prepare(&format!("EXPLAIN QUERY PLAN {text}"))?;
    let mut depths: HashMap<i64, usize> = HashMap::new();
    let mut lines = Vec::new();
    let mut rows = explained.raw_query();
    while let Some(row) = rows.next()? {
        let (id, parent, step): (i64, i64, String) = (row.get(0)?, row.get(1)?, row.get(3)?);
        let depth = depths.get(&parent).map_or(0, |depth| depth + 1);
        depths.insert(id, depth);
        lines.push(format!("{:1$}{step}", "", 2 * depth));
    }
    // `INSERT … VALUES` looks for nothing.
    Ok((!lines.is_empty()).then(|| lines.join("\n")))
}

fn schema_of(connection: &Connection) -> rusqlite::Result<Vec<SchemaItem>> {
    let read =
        |row: &rusqlite::Row<'_>| Ok(SchemaItem::of([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?]));
    let most = MOST_ITEMS as i64 + 1;
    let mut items: Vec<SchemaItem> =
        connection.prepare(SCHEMA)?.query_map([most], read)?.collect::<Result<_, _>>()?;
    if let Ok(mut statistics) = connection.prepare(STATISTICS) {
        items.extend(statistics.query_map([most], read)?.collect::<Result<Vec<_>, _>>()?);
    }
    Ok(items)
}
