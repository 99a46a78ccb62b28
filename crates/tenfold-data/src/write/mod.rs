//! Writes: insert, update, upsert, delete, always inside a transaction.

mod update;
mod upsert;

pub use self::update::{Update, UpdateAll};
pub use self::upsert::Upsert;
use crate::driver::{Late, Params};
use crate::entity::Entity;
use crate::error::DataError;
use crate::query::Target;
use crate::statement::{Cost, Dialect, Statement};
use crate::value::{ColumnType as _, KeyType, Value};

pub(crate) async fn insert<E: Entity>(
    target: Result<Target, DataError>,
    mut rows: Vec<E>,
) -> Result<Vec<E>, DataError> {
    let target = target?;
    if rows.is_empty() {
        return Ok(rows);
    }
    let values: Vec<Vec<Value>> = rows.iter().map(E::values).collect();
    refuse_other_tenants::<E>(&target, &values)?;
    let table = E::table();
    let stored = match (&*values, target.scope.database().dialect()) {
        ([row], _) => execute(&target, table.insert_statement(), Params::One(row)).await,
        (rows, Dialect::Sqlite) => execute(&target, table.insert_statement(), Params::Each(rows)).await,
        (_, Dialect::Postgres) => {
            execute(&target, table.insert_many_statement(), Params::One(&transpose(values))).await
        }
    };
    stored.map_err(|error| {
        // Of many rows the database does not say which one it refused.
        error.of::<E>((rows.len() == 1).then(|| format!("{:?}", rows[0].key())))
    })?;
    E::link(rows.iter_mut(), target.peering());
    Ok(rows)
}

/// Stores a row before the next statement of its transaction, or with COMMIT.
pub(crate) fn insert_late<E: Entity>(target: Result<Target, DataError>, row: &E) -> Result<(), DataError> {
    let target = target?;
    let values = [row.values()];
    refuse_other_tenants::<E>(&target, &values)?;
    let [params] = values;
    let late = Late { statement: E::table().insert_statement(), params, site: target.site };
    target.scope.execute_late(target.transaction(), late)
}

/// A row that names another organization than the transaction's is a mistake of the module, and a grave one.
fn refuse_other_tenants<E: Entity>(target: &Target, rows: &[Vec<Value>]) -> Result<(), DataError> {
    let (Some(column), Some(tenant)) = (E::table().tenant, target.tenant) else { return Ok(()) };
    let index = E::table().position(column);
    if rows.iter().all(|row| row[index] == tenant.to_value()) {
        Ok(())
    } else {
        Err(DataError::OtherTenant { site: target.site })
    }
}

/// Rows of columns as columns of rows, for PostgreSQL's `unnest`.
fn transpose(rows: Vec<Vec<Value>>) -> Vec<Value> {
    let mut columns: Vec<Vec<Value>> = rows.first().map_or_else(Vec::new, |row| vec![Vec::new(); row.len()]);
    for row in rows {
        for (column, value) in columns.iter_mut().zip(row) {
            column.push(value);
        }
    }
    columns.into_iter().map(Value::List).collect()
}

pub(crate) async fn delete<E: Entity>(
    target: Result<Target, DataError>,
    key: E::Key,
    version: Option<i64>,
) -> Result<(), DataError> {
    let target = target?;
    let one = One { key: &key, version };
    let (condition, params) = one.condition::<E>(&target, Vec::new());
    let text = format!("DELETE FROM {} WHERE {condition}", E::table().name);
    one.change::<E>(&target, "delete", text, &params).await
}

async fn execute(target: &Target, statement: &Statement, params: Params<'_>) -> Result<u64, DataError> {
    target.scope.execute(target.transaction(), statement, params, target.site).await
}

/// The row that a write is meant for, and the state in which its author has seen it.
struct One<'k, K> {
    key: &'k K,
    version: Option<i64>,
}

impl<K: KeyType> One<'_, K> {
    /// The condition behind WHERE; its parameters follow those that are there.
    fn condition<E: Entity<Key = K>>(&self, target: &Target, mut params: Vec<Value>) -> (String, Vec<Value>) {
        let table = E::table();
        let mut conditions = Vec::new();
        let tenant = table.tenant.zip(target.tenant.as_ref()).map(|(column, id)| (column, id.to_value()));
        let version = table.version.zip(self.version.map(Value::Integer));
        for (column, value) in tenant.into_iter().chain([(table.key, self.key.to_value())]).chain(version) {
            params.push(value);
            conditions.push(format!("{column} = ${}", params.len()));
        }
        (conditions.join(" AND "), params)
    }

    /// Runs a statement that changes the row; if it changes none, says why.
    async fn change<E: Entity<Key = K>>(
        &self,
        target: &Target,
        verb: &str,
        text: String,
        params: &[Value],
    ) -> Result<(), DataError> {
        let (table, key) = (E::table(), || format!("{:?}", self.key));
        let statement = table.statement(verb, text, Cost::Free);
        let changed = execute(target, &statement, Params::One(params)).await;
        if changed.map_err(|error| error.of::<E>(Some(key())))? > 0 {
            return Ok(());
        }
        let (Some(column), Some(expected)) = (table.version, self.version) else {
            return Err(DataError::NotFound { entity: table.entity, key: key() });
        };
        let (condition, params) = One { key: self.key, version: None }.condition::<E>(target, Vec::new());
        let text = format!("SELECT {column} FROM {} WHERE {condition}", table.name);
        let statement = table.statement("version", text, Cost::Free);
        match target.fetch(&statement, &params, |row| row.integer(0)).await?.first() {
            Some(&found) => Err(DataError::Stale { entity: table.entity, key: key(), expected, found }),
            None => Err(DataError::NotFound { entity: table.entity, key: key() }),
        }
    }
}
