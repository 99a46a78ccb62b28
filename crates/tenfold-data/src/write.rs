//! Writes: insert, update, delete, always inside a transaction.

use std::future::Future;
use std::marker::PhantomData;
use std::panic::Location;

use crate::driver::Params;
use crate::entity::{Column, Entity, OrgId};
use crate::error::DataError;
use crate::query::Target;
use crate::statement::{Cost, Dialect};
use crate::transaction::Write;
use crate::value::{ColumnType, Value};

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
    let dialect = target.scope.database().dialect();
    let statement = E::table().insert_statement(dialect);
    let connection = target.connection.as_deref().expect("writes have a transaction");
    match dialect {
        Dialect::Sqlite => {
            target.scope.execute(connection, statement, Params::Each(&values), target.site).await?
        }
        Dialect::Postgres => {
            let columns = transpose(values);
            target.scope.execute(connection, statement, Params::One(&columns), target.site).await?
        }
    };
    E::link(&mut rows, target.tenant);
    Ok(rows)
}

/// A row that names another organization than the transaction's is a mistake of the module, and a grave one.
fn refuse_other_tenants<E: Entity>(target: &Target, rows: &[Vec<Value>]) -> Result<(), DataError> {
    let (Some(column), Some(tenant)) = (E::table().tenant, target.tenant) else { return Ok(()) };
    let index = E::table().columns.iter().position(|spec| spec.name == column);
    let own = |row: &Vec<Value>| index.is_none_or(|index| row[index] == tenant.to_value());
    if rows.iter().all(own) { Ok(()) } else { Err(DataError::OtherTenant { site: target.site }) }
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

/// A change of some columns of one row; [`Update::run`] makes it.
pub struct Update<E: Entity> {
    key: E::Key,
    columns: Vec<&'static str>,
    values: Vec<Value>,
    entity: PhantomData<fn() -> E>,
}

impl<E: Entity> Update<E> {
    pub(crate) fn new(key: E::Key) -> Self {
        Update { key, columns: Vec::new(), values: Vec::new(), entity: PhantomData }
    }

    /// Gives a column a new value.
    pub fn set<T: ColumnType>(mut self, column: Column<E, T>, value: T) -> Self {
        self.columns.push(column.name());
        self.values.push(value.to_value());
        self
    }

    /// Gives a column a new value if there is one: an absent field of a PATCH changes nothing.
    pub fn set_if<T: ColumnType>(self, column: Column<E, T>, value: Option<T>) -> Self {
        match value {
            Some(value) => self.set(column, value),
            None => self,
        }
    }

    /// Changes the row; without a column to change it only looks whether the row is there.
    ///
    /// # Errors
    /// [`DataError::NotFound`], [`DataError::OtherTenant`] when the row would move to another organization, and
    /// whatever stops the statement.
    #[track_caller]
    pub fn run<W: Write<E::Owner>>(
        self,
        tx: &W,
    ) -> impl Future<Output = Result<(), DataError>> + Send + use<E, W> {
        let target = Target::of(&tx.origin(), E::table().tenant.is_some(), Location::caller());
        async move {
            let table = E::table();
            let (condition, next) = table.tenant_condition();
            let mut params: Vec<Value> = Vec::new();
            let target = target?;
            self.refuse_other_tenant(&target)?;
            params.extend(target.tenant.iter().map(OrgId::to_value));
            params.push(self.key.to_value());
            let mut changes: Vec<String> =
                (next + 1..).zip(&self.columns).map(|(n, column)| format!("{column} = ${n}")).collect();
            if changes.is_empty() {
                changes.push(format!("{0} = {0}", table.key));
            }
            params.extend(self.values);
            let text = format!(
                "UPDATE {} SET {} WHERE {condition}{} = ${next}",
                table.name,
                changes.join(", "),
                table.key
            );
            change_one::<E>(&target, "update", text, &params, &self.key).await
        }
    }

    fn refuse_other_tenant(&self, target: &Target) -> Result<(), DataError> {
        let (Some(column), Some(tenant)) = (E::table().tenant, target.tenant) else { return Ok(()) };
        let mut changes = self.columns.iter().zip(&self.values);
        if changes.any(|(changed, value)| *changed == column && *value != tenant.to_value()) {
            return Err(DataError::OtherTenant { site: target.site });
        }
        Ok(())
    }
}

pub(crate) async fn delete<E: Entity>(
    target: Result<Target, DataError>,
    key: E::Key,
) -> Result<(), DataError> {
    let target = target?;
    let table = E::table();
    let (condition, next) = table.tenant_condition();
    let params: Vec<Value> = target.tenant.iter().map(OrgId::to_value).chain([key.to_value()]).collect();
    let text = format!("DELETE FROM {} WHERE {condition}{} = ${next}", table.name, table.key);
    change_one::<E>(&target, "delete", text, &params, &key).await
}

async fn change_one<E: Entity>(
    target: &Target,
    verb: &str,
    text: String,
    params: &[Value],
    key: &E::Key,
) -> Result<(), DataError> {
    let statement = E::table().statement(verb, text, Cost::Free);
    let connection = target.connection.as_deref().expect("writes have a transaction");
    match target.scope.execute(connection, &statement, Params::One(params), target.site).await? {
        0 => Err(DataError::NotFound { entity: E::table().entity, key: format!("{key:?}") }),
        _ => Ok(()),
    }
}
