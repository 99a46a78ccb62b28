//! Deletes all rows of an organization in a table.

use super::{execute, note_delete};
use crate::driver::Params;
use crate::entity::Entity;
use crate::error::DataError;
use crate::feed::write_set::WrittenKeys;
use crate::ownership::{OrgId, Tenant};
use crate::query::Target;
use crate::statement::{Dialect, StatementCost};
use crate::value::{ColumnType as _, Value};

/// How many rows one transaction deletes: it holds SQLite's write lock, and what hangs on the rows goes with them.
pub(crate) const ERASED_AT_ONCE: u64 = 200;

/// Deletes a batch of the organization's rows. Returns how many there were.
pub(crate) async fn erase_some<E: Entity<Owner = Tenant>>(
    target: Result<Target, DataError>,
) -> Result<u64, DataError> {
    let target = target?;
    let (table, tenant) = (E::table(), E::table().tenant.unwrap_or("org_id"));
    let (name, key) = (table.name, table.key);
    let mut params: Vec<Value> = target.asker.tenant.iter().map(OrgId::to_value).collect();
    let text = format!("SELECT {key} FROM {name} WHERE {tenant} = $1 ORDER BY {key} LIMIT {ERASED_AT_ONCE}");
    let some = table.statement("erase_some", text, StatementCost::Page);
    let keys = target.fetch(&some, &params, |row| E::Key::read(row, 0)).await?;
    if keys.is_empty() {
        return Ok(0);
    }
    params.push(Value::List(keys.iter().map(E::Key::to_value).collect()));
    let listed = match target.scope.database().dialect() {
        Dialect::Sqlite => format!("{key} IN (SELECT value FROM rarray($2))"),
        Dialect::Postgres => format!("{key} = ANY ($2)"),
    };
    let text = format!("DELETE FROM {name} WHERE {tenant} = $1 AND {listed}");
    let statement = table.statement("erase", text, StatementCost::Free);
    let erased = execute(&target, &statement, Params::One(&params)).await;
    let erased = erased.map_err(|error| error.of::<E>(None))?;
    if erased > 0 {
        note_delete::<E>(&target, WrittenKeys::Any);
    }
    Ok(erased)
}
