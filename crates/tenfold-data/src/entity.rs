//! An entity: a row of a table as a plain struct, and what the derive knows about it.

mod stored;
mod table;

use std::marker::PhantomData;

pub(crate) use self::stored::{read_stored, stored};
pub use self::table::{ColumnSpec, Table};
pub(crate) use self::table::{ListForm, any, wanted_links};
use crate::constraint::ConstraintKind;
use crate::error::DataError;
use crate::ownership::{OrgId, Ownership};
use crate::relation::{Link, Peering};
use crate::row::{ReadError, Row};
use crate::value::{ColumnType, KeyType, Value};

/// A struct that is stored as rows of one table. `derive(Entity)` implements it.
pub trait Entity: Sized + Send + Sync + 'static {
    /// The type of the key column.
    type Key: KeyType;
    /// [`Tenant`](crate::Tenant) or [`Global`](crate::Global).
    type Owner: Ownership;
    /// The module (package) that declares the entity.
    const MODULE: &'static str;

    /// The table and its columns.
    fn table() -> &'static Table;

    /// Reads the struct from a row that holds the columns in the order of [`Table::columns`], without the
    /// organization's column: the statement has selected `owner`'s rows.
    ///
    /// # Errors
    /// When a column holds something other than its field's type.
    fn read(row: &Row<'_>, owner: Option<OrgId>) -> Result<Self, ReadError>;

    /// The column values, in the order of [`Table::columns`].
    fn values(&self) -> Vec<Value>;

    /// The column values of a row that is no longer needed.
    #[doc(hidden)]
    fn into_values(self) -> Vec<Value>;

    /// The value of the selected column at this position, if rows can be linked by it.
    #[doc(hidden)]
    fn link_at(&self, place: usize) -> Link;

    /// The row's key.
    fn key(&self) -> Self::Key;

    /// Makes rows that were loaded together a cohort: touching a relation on one loads it for all.
    fn link<'r>(rows: impl Iterator<Item = &'r mut Self>, peering: Peering);
}

/// An entity with a column that counts its changes, `#[entity(version)]`. A writer can state the version that it has
/// seen, and gets an error if it is no longer the current one (optimistic locking).
pub trait Versioned: Entity {
    /// The version that was loaded.
    fn version(&self) -> i64;
}

/// Columns whose values are unique, declared as `#[entity(unique(email))]` and named `Account::unique_email`. In a
/// tenant's table the organization is one of them. `Account::unique_key` is the primary key.
pub struct Unique<E> {
    columns: &'static [&'static str],
    entity: PhantomData<fn() -> E>,
}

impl<E> Clone for Unique<E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for Unique<E> {}

impl<E: Entity> Unique<E> {
    /// Names the columns; called by the derive.
    pub const fn new(columns: &'static [&'static str]) -> Self {
        Unique { columns, entity: PhantomData }
    }

    /// The columns' names in the database, the organization's first.
    pub const fn columns(self) -> &'static [&'static str] {
        self.columns
    }
}

/// A column as the author names it in queries: `User::email`.
pub struct Column<E, T> {
    name: &'static str,
    types: PhantomData<fn() -> (E, T)>,
}

impl<E, T> Clone for Column<E, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E, T> Copy for Column<E, T> {}

impl<E: Entity, T: ColumnType> Column<E, T> {
    /// Names a column; called by the derive.
    pub const fn new(name: &'static str) -> Self {
        Column { name, types: PhantomData }
    }

    /// The column's name in the database.
    pub const fn name(self) -> &'static str {
        self.name
    }
}

impl DataError {
    /// Whether these unique values are taken: `error.violates(Account::unique_email)`.
    pub fn violates<E: Entity>(&self, unique: Unique<E>) -> bool {
        self.constraint().is_some_and(|constraint| {
            let is_same = constraint.columns.iter().eq(unique.columns());
            constraint.kind == ConstraintKind::Unique && constraint.table == E::table().name && is_same
        })
    }

    /// Adds the entity that was written, and the row if it was a single one.
    pub(crate) fn of<E: Entity>(mut self, key: Option<String>) -> Self {
        if let DataError::Conflict { constraint, .. } | DataError::Refused { constraint, .. } = &mut self {
            let table = E::table();
            // SQLite does not always name the table. PostgreSQL names the table that refers to this one, with columns
            // that SQLite does not know.
            if constraint.table.is_empty() || constraint.kind == ConstraintKind::ForeignKey {
                if constraint.table != table.name {
                    constraint.columns.clear();
                }
                constraint.table = table.name.to_owned();
            }
            if constraint.table == table.name {
                constraint.entity = Some(table.entity);
                constraint.key = key;
            }
        }
        self
    }
}
