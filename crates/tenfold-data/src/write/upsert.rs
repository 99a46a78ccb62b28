//! Stores a row or, if a row with the same unique values exists, changes that row.

use std::future::Future;
use std::panic::Location;

use super::{note, refuse_other_tenant};
use crate::entity::{Column, Entity, Unique};
use crate::error::DataError;
use crate::feed::write_set::WrittenKeys;
use crate::query::Target;
use crate::statement::StatementCost;
use crate::transaction::Write;
use crate::value::ColumnType;

/// A row to store, or whose values an existing row takes over. [`Upsert::run`] runs it.
///
/// The existing row takes over all values except its key, its organization and the unique values themselves. Its
/// version is incremented. For a tenant the unique columns begin with the organization, so the changed row is never
/// another tenant's.
pub struct Upsert<E: Entity> {
    row: E,
    unique: Unique<E>,
    kept: Vec<&'static str>,
}

impl<E: Entity> Upsert<E> {
    pub(crate) fn new(row: E, unique: Unique<E>) -> Self {
        Upsert { row, unique, kept: Vec::new() }
    }

    /// Leaves a column of the existing row unchanged: its creation time, for example.
    pub fn keep<T: ColumnType>(mut self, column: Column<E, T>) -> Self {
        self.kept.push(column.name());
        self
    }

    /// Stores or changes the row, and returns it as stored.
    ///
    /// # Errors
    /// [`DataError::Conflict`] when another unique value is taken, [`DataError::OtherTenant`] when the row names
    /// another organization than the transaction's; any error of the statement.
    #[track_caller]
    pub fn run<W: Write<E::Owner>>(
        self,
        tx: &W,
    ) -> impl Future<Output = Result<E, DataError>> + Send + use<E, W> {
        let target = Target::of(&tx.origin(), E::table().tenant.is_some(), Location::caller());
        async move {
            let target = target?;
            let (table, values) = (E::table(), self.row.values());
            refuse_other_tenant::<E>(&target, &values)?;
            let statement = table.statement("upsert", self.text(), StatementCost::Free);
            let stored = target.fetch(&statement, &values, |row| E::read(row, target.asker.tenant)).await;
            let key = format!("{:?}", self.row.key());
            let mut rows = stored.map_err(|error| error.of::<E>(Some(key)))?;
            let keys = rows.iter().map(|row| row.key().to_value()).collect();
            note::<E>(&target, WrittenKeys::These(keys));
            E::link(rows.iter_mut(), target.peering());
            Ok(rows.pop().expect("RETURNING gives the row that was stored or changed"))
        }
    }

    fn text(&self) -> String {
        let (table, unique) = (E::table(), self.unique.columns());
        let marks: Vec<_> = (1..=table.columns.len()).map(|n| format!("${n}")).collect();
        let taken_over = |name: &&str| {
            *name != table.key
                && table.tenant != Some(*name)
                && !unique.contains(name)
                && !self.kept.contains(name)
        };
        let assign = |name: &str| match table.version {
            Some(version) if version == name => format!("{name} = {}.{name} + 1", table.name),
            _ => format!("{name} = excluded.{name}"),
        };
        let mut changes: Vec<_> =
            table.columns.iter().map(|column| column.name).filter(taken_over).map(assign).collect();
        if changes.is_empty() {
            // Without an assignment the statement would return no row.
            changes.push(format!("{0} = {1}.{0}", table.key, table.name));
        }
        format!(
            "INSERT INTO {} ({}) VALUES ({}) ON CONFLICT ({}) DO UPDATE SET {} RETURNING {}",
            table.name,
            table.column_list(),
            marks.join(", "),
            unique.join(", "),
            changes.join(", "),
            table.selected_list()
        )
    }
}
