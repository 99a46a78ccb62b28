//! Changes of one row, and of all rows that pass a filter.

use std::future::Future;
use std::marker::PhantomData;
use std::panic::Location;

use super::shape::{Assigned, ColumnAssignment, Verb, set_list};
use super::{WriteTarget, execute, note, note_delete};
use crate::driver::Params;
use crate::entity::{Column, Entity, Versioned};
use crate::error::DataError;
use crate::feed::write_set::WrittenKeys;
use crate::money::MoneyField;
use crate::query::{EntityQuery, MoneyColumns, Target};
use crate::statement::StatementCost;
use crate::transaction::Write;
use crate::value::{ColumnType, Summed, Value};

/// A change of some columns of one row. [`Update::run`] runs it.
pub struct Update<E: Entity> {
    key: E::Key,
    version: Option<i64>,
    changes: Changes<E>,
}

/// A change of some columns of all rows that pass a filter. [`UpdateAll::run`] runs it.
pub struct UpdateAll<E: Entity> {
    rows: EntityQuery<E>,
    changes: Changes<E>,
}

/// The assignments, and the values in the same order.
struct Changes<E> {
    assigned: Vec<Assigned>,
    values: Vec<Value>,
    entity: PhantomData<fn() -> E>,
}

macro_rules! assignments {
    ($update:ident) => {
        impl<E: Entity> $update<E> {
            /// Sets a column to a value.
            pub fn set<T: ColumnType>(mut self, column: Column<E, T>, value: T) -> Self {
                self.changes.add(column.name(), ColumnAssignment::Set, value.into_value());
                self
            }

            /// Sets a column if there is a value: an absent field of a PATCH changes nothing.
            pub fn set_if<T: ColumnType>(self, column: Column<E, T>, value: Option<T>) -> Self {
                match value {
                    Some(value) => self.set(column, value),
                    None => self,
                }
            }

            /// Sets both columns of a field with money.
            pub fn set_money<M: MoneyField>(self, columns: MoneyColumns<E, M>, value: M) -> Self {
                let (amount, currency) = value.columns();
                self.set(columns.amount, amount).set(columns.currency, currency)
            }

            /// Sets both columns of a field with money, if there is a value.
            pub fn set_money_if<M: MoneyField>(self, columns: MoneyColumns<E, M>, value: Option<M>) -> Self {
                match value {
                    Some(value) => self.set_money(columns, value),
                    None => self,
                }
            }

            /// Adds to a column, in the database, so that concurrent additions all count. NULL stays NULL.
            pub fn add<T: Summed>(mut self, column: Column<E, T>, value: T::Sum) -> Self {
                self.changes.add(column.name(), ColumnAssignment::Add, value.into_value());
                self
            }
        }
    };
}

assignments!(Update);
assignments!(UpdateAll);

impl<E: Entity> Update<E> {
    pub(crate) fn new(key: E::Key) -> Self {
        Update { key, version: None, changes: Changes::new() }
    }

    /// Changes the row. Without a column to change it only checks that the row exists.
    ///
    /// # Errors
    /// [`DataError::NotFound`]; [`DataError::Stale`] when the row has another version than the expected one;
    /// [`DataError::Conflict`] when a unique value is taken; [`DataError::OutOfRange`] when a sum does not fit;
    /// [`DataError::OtherTenant`] when the row would move to another organization; any error of the statement.
    #[track_caller]
    pub fn run<W: Write<E::Owner>>(
        self,
        tx: &W,
    ) -> impl Future<Output = Result<(), DataError>> + Send + use<E, W> {
        let target = Target::of(&tx.origin(), E::table().tenant.is_some(), Location::caller());
        async move {
            let target = target?;
            self.changes.check(&target)?;
            let one = WriteTarget { key: &self.key, version: self.version };
            let Changes { assigned, values, .. } = self.changes;
            one.change::<E>(&target, Verb::Update(&assigned), values).await
        }
    }
}

impl<E: Versioned> Update<E> {
    /// Changes the row only if it still has this version.
    pub fn expect_version(mut self, version: i64) -> Self {
        self.version = Some(version);
        self
    }
}

impl<E: Entity> EntityQuery<E> {
    /// Begins a change of all rows that pass the filters: `Task::query().filter(…).update().set(…).run(tx)`.
    pub fn update(self) -> UpdateAll<E> {
        UpdateAll { rows: self, changes: Changes::new() }
    }

    /// Deletes all rows that pass the filters. Returns how many there were.
    ///
    /// # Errors
    /// [`DataError::Settings`] for a list with a page or limit; any error of the statement.
    #[track_caller]
    pub fn delete<W: Write<E::Owner>>(
        self,
        tx: &W,
    ) -> impl Future<Output = Result<u64, DataError>> + Send + use<E, W> {
        let target = Target::of(&tx.origin(), E::table().tenant.is_some(), Location::caller());
        async move {
            let target = target?;
            let (condition, params) = self.whole_condition(&target)?;
            let text = format!("DELETE FROM {}{condition}", E::table().name);
            let deleted = change_all::<E>(&target, "delete_all", text, &params).await?;
            if deleted > 0 {
                note_delete::<E>(&target, WrittenKeys::Any);
            }
            Ok(deleted)
        }
    }
}

impl<E: Entity> UpdateAll<E> {
    /// Changes the rows. Returns how many there were.
    ///
    /// # Errors
    /// As [`Update::run`]; [`DataError::Settings`] for a list with a page or limit, or without a column to change.
    #[track_caller]
    pub fn run<W: Write<E::Owner>>(
        self,
        tx: &W,
    ) -> impl Future<Output = Result<u64, DataError>> + Send + use<E, W> {
        let target = Target::of(&tx.origin(), E::table().tenant.is_some(), Location::caller());
        async move {
            let target = target?;
            self.changes.check(&target)?;
            if self.changes.assigned.is_empty() {
                let what =
                    format!("{}.update_all at {} changes no column", E::table().name, target.asker.site);
                return Err(DataError::Settings(what));
            }
            let (condition, mut params) = self.rows.whole_condition(&target)?;
            let assignments = set_list(E::table(), &self.changes.assigned, params.len());
            params.extend(self.changes.values);
            let text = format!("UPDATE {} SET {assignments}{condition}", E::table().name);
            let changed = change_all::<E>(&target, "update_all", text, &params).await?;
            if changed > 0 {
                note::<E>(&target, WrittenKeys::Any);
            }
            Ok(changed)
        }
    }
}

async fn change_all<E: Entity>(
    target: &Target,
    verb: &str,
    text: String,
    params: &[Value],
) -> Result<u64, DataError> {
    let statement = E::table().statement(verb, text, StatementCost::Free);
    execute(target, &statement, Params::One(params)).await.map_err(|error| error.of::<E>(None))
}

impl<E: Entity> Changes<E> {
    fn new() -> Self {
        Changes { assigned: Vec::new(), values: Vec::new(), entity: PhantomData }
    }

    fn add(&mut self, column: &'static str, assignment: ColumnAssignment, value: Value) {
        self.assigned.push((column, assignment));
        self.values.push(value);
    }

    /// Refuses to move a row to another organization, and to give a column two values at once: SQLite would take the
    /// last, PostgreSQL refuses them. The version column is set automatically.
    fn check(&self, target: &Target) -> Result<(), DataError> {
        let table = E::table();
        for (place, ((column, _), value)) in self.assigned.iter().zip(&self.values).enumerate() {
            let tenant = target.asker.tenant.filter(|_| table.tenant == Some(*column));
            if tenant.is_some_and(|tenant| *value != tenant.to_value()) {
                return Err(DataError::OtherTenant { site: target.asker.site });
            }
            let mut known = self.assigned[..place].iter().map(|(known, _)| known).chain(&table.version);
            if known.any(|known| known == column) {
                let what = format!("a change of {} at {} sets {column} twice", table.name, target.asker.site);
                return Err(DataError::Settings(what));
            }
        }
        Ok(())
    }
}
