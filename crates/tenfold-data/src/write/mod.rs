//! Writes: insert, update, upsert, delete, always inside a transaction.

mod erase;
mod shape;
mod update;
mod upsert;

use std::borrow::Cow;

pub(crate) use self::erase::{ERASED_AT_ONCE, erase_some};
pub(crate) use self::shape::ChangeTexts;
use self::shape::{Shape, Verb};
pub use self::update::{Update, UpdateAll};
pub use self::upsert::Upsert;
use crate::driver::Params;
use crate::entity::Entity;
use crate::error::DataError;
use crate::feed::write_set::WrittenKeys;
use crate::ownership::OrgId;
use crate::query::Target;
use crate::statement::{Dialect, Statement};
use crate::value::{ColumnType as _, KeyType, Value};

/// Stores the rows: `[E; 1]`, or a list of them.
pub(crate) async fn insert<E: Entity, R: AsMut<[E]>>(
    target: Result<Target, DataError>,
    mut rows: R,
) -> Result<R, DataError> {
    let target = target?;
    let stored = match (rows.as_mut(), target.scope.database().dialect()) {
        ([], _) => return Ok(rows),
        ([row], _) => insert_one(&target, row).await,
        (many, dialect) => insert_many(&target, many, dialect).await,
    };
    stored.map_err(|error| match rows.as_mut() {
        [row] => error.of::<E>(Some(format!("{:?}", row.key()))),
        // The database does not say which row it refused.
        _ => error.of::<E>(None),
    })?;
    note::<E>(&target, WrittenKeys::These(rows.as_mut().iter().map(|row| row.key().to_value()).collect()));
    E::link(rows.as_mut().iter_mut(), target.peering());
    Ok(rows)
}

/// Notes for the feed that rows were changed.
fn note<E: Entity>(target: &Target, keys: WrittenKeys) {
    target.scope.note_write(&target.asker, E::table().name, keys);
}

async fn insert_one<E: Entity>(target: &Target, row: &E) -> Result<u64, DataError> {
    let values = row.values();
    refuse_other_tenant::<E>(target, &values)?;
    execute(target, E::table().insert_statement(), Params::One(&values)).await
}

async fn insert_many<E: Entity>(target: &Target, rows: &[E], dialect: Dialect) -> Result<u64, DataError> {
    let values: Vec<Vec<Value>> = rows.iter().map(E::values).collect();
    values.iter().try_for_each(|row| refuse_other_tenant::<E>(target, row))?;
    let (statement, sets) = E::table().insert_rows(values, dialect);
    execute(target, statement, Params::of(&sets)).await
}

/// Notes for the feed that rows were deleted.
fn note_delete<E: Entity>(target: &Target, keys: WrittenKeys) {
    target.scope.note_delete(&target.asker, E::table().name, keys);
}

/// Stores a row before the next statement of its transaction, or with COMMIT, together with others of the same line.
pub(crate) fn insert_deferred<E: Entity>(target: Result<Target, DataError>, row: E) -> Result<(), DataError> {
    let target = target?;
    let key = row.key().to_value();
    let values = row.into_values();
    refuse_other_tenant::<E>(&target, &values)?;
    target.scope.insert_deferred(&target.asker, E::table(), values)?;
    note::<E>(&target, WrittenKeys::These(vec![key]));
    Ok(())
}

/// A row that names another organization than the transaction's is a serious mistake of the module.
fn refuse_other_tenant<E: Entity>(target: &Target, row: &[Value]) -> Result<(), DataError> {
    let (Some(column), Some(tenant)) = (E::table().tenant, target.asker.tenant) else { return Ok(()) };
    if row[E::table().position(column)] == tenant.to_value() {
        Ok(())
    } else {
        Err(DataError::OtherTenant { site: target.asker.site })
    }
}

pub(crate) async fn delete<E: Entity>(
    target: Result<Target, DataError>,
    key: E::Key,
    version: Option<i64>,
) -> Result<(), DataError> {
    let target = target?;
    WriteTarget { key: &key, version }.change::<E>(&target, Verb::Delete, Vec::new()).await
}

async fn execute(target: &Target, statement: &Statement, params: Params<'_>) -> Result<u64, DataError> {
    target.scope.execute(&target.asker, statement, params).await
}

/// The row that a write is meant for, and the version that its author has seen.
struct WriteTarget<'k, K> {
    key: &'k K,
    version: Option<i64>,
}

impl<K: KeyType> WriteTarget<'_, K> {
    /// The statement, and its parameters appended to the existing ones.
    fn statement<E: Entity<Key = K>>(
        &self,
        target: &Target,
        verb: Verb<'_>,
        mut params: Vec<Value>,
    ) -> (Cow<'static, Statement>, Vec<Value>) {
        let table = E::table();
        let tenant = table.tenant.and(target.asker.tenant);
        let version = table.version.and(self.version);
        let shape = Shape { verb, of_tenant: tenant.is_some(), of_version: version.is_some() };
        params.extend(tenant.as_ref().map(OrgId::to_value));
        params.push(self.key.to_value());
        params.extend(version.map(Value::Integer));
        (shape.statement(table), params)
    }

    /// Changes the row. If no row was changed, finds out why.
    async fn change<E: Entity<Key = K>>(
        &self,
        target: &Target,
        verb: Verb<'_>,
        assigned: Vec<Value>,
    ) -> Result<(), DataError> {
        let (table, key) = (E::table(), || format!("{:?}", self.key));
        let (statement, params) = self.statement::<E>(target, verb, assigned);
        let changed = execute(target, &statement, Params::One(&params)).await;
        if changed.map_err(|error| error.of::<E>(Some(key())))? > 0 {
            let keys = match verb {
                // The row has another key now, which may have been looked for in vain.
                Verb::Update(assigned) if assigned.iter().any(|(column, _)| *column == table.key) => {
                    WrittenKeys::Any
                }
                _ => WrittenKeys::These(vec![self.key.to_value()]),
            };
            match verb {
                Verb::Delete => note_delete::<E>(target, keys),
                _ => note::<E>(target, keys),
            }
            return Ok(());
        }
        let (Some(column), Some(expected)) = (table.version, self.version) else {
            return Err(DataError::NotFound { entity: table.entity, key: key() });
        };
        let any = WriteTarget { key: self.key, version: None };
        let (statement, params) = any.statement::<E>(target, Verb::Version(column), Vec::new());
        match target.fetch(&statement, &params, |row| row.integer(0)).await?.first() {
            Some(&found) => Err(DataError::Stale { entity: table.entity, key: key(), expected, found }),
            None => Err(DataError::NotFound { entity: table.entity, key: key() }),
        }
    }
}
