//! An entity: a row of a table as a plain struct, and what the derive says about it.

mod table;

use std::future::Future;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;

pub use self::table::{ColumnSpec, Table};
pub(crate) use self::table::{ListForm, any, wanted_links};
use crate::constraint::ConstraintKind;
use crate::context::Reach;
use crate::error::DataError;
use crate::ownership::{OrgId, Ownership};
use crate::query::{Query, Target};
use crate::relation::{Link, Peering};
use crate::row::{ReadError, Row};
use crate::scope;
use crate::transaction::Write;
use crate::value::{ColumnType, KeyType, Value};
use crate::write::{self, Update, Upsert};

/// A struct that is kept as rows of one table; written by `derive(Entity)`.
pub trait Entity: Sized + Send + Sync + 'static {
    /// The type of the key column.
    type Key: KeyType;
    /// [`Tenant`] or [`Global`].
    type Owner: Ownership;

    /// The table and its columns.
    fn table() -> &'static Table;

    /// Reads the struct from a row that holds the columns in the order of [`Table::columns`], without that of the
    /// organization: the statement has asked for `owner`'s rows.
    ///
    /// # Errors
    /// When a column holds something else than its field.
    fn read(row: &Row<'_>, owner: Option<OrgId>) -> Result<Self, ReadError>;

    /// The column values, in the order of [`Table::columns`].
    fn values(&self) -> Vec<Value>;

    /// The same of a row that is not needed any more.
    #[doc(hidden)]
    fn into_values(self) -> Vec<Value>;

    /// The value of the column at a place among those that are read, if it is one that rows can be linked by.
    #[doc(hidden)]
    fn link_at(&self, place: usize) -> Link;

    /// The row's key.
    fn key(&self) -> Self::Key;

    /// Makes rows that were loaded together a cohort: touching a relation on one loads it for all.
    fn link<'r>(rows: impl Iterator<Item = &'r mut Self>, peering: Peering);

    /// Begins a list of these entities.
    fn query() -> Query<Self> {
        Query::new()
    }

    /// The row with this key. Loads from all over a request are merged into one statement, and a row is loaded
    /// once until a transaction of the request has written something.
    ///
    /// # Errors
    /// [`DataError::NotFound`] when the tenant has no such row, and whatever stops the statement.
    #[track_caller]
    fn get<R: Reach<Self::Owner>>(
        cx: &R,
        key: Self::Key,
    ) -> impl Future<Output = Result<Arc<Self>, DataError>> + Send + use<Self, R> {
        let found = Self::find(cx, key.clone());
        async move {
            found
                .await?
                .ok_or_else(|| DataError::NotFound { entity: Self::table().entity, key: format!("{key:?}") })
        }
    }

    /// As [`Entity::get`], for a row that may be missing; that it is missing is remembered as well.
    ///
    /// # Errors
    /// Whatever stops the statement.
    #[track_caller]
    fn find<R: Reach<Self::Owner>>(
        cx: &R,
        key: Self::Key,
    ) -> impl Future<Output = Result<Option<Arc<Self>>, DataError>> + Send + use<Self, R> {
        let request = scope::request::<Self>(&cx.origin(), vec![key], Location::caller());
        async move { Ok(request?.values().await?.pop().flatten()) }
    }

    /// The rows with these keys, each in its key's place.
    ///
    /// # Errors
    /// Whatever stops the statement.
    #[track_caller]
    fn find_many<R: Reach<Self::Owner>>(
        cx: &R,
        keys: Vec<Self::Key>,
    ) -> impl Future<Output = Result<Vec<Option<Arc<Self>>>, DataError>> + Send + use<Self, R> {
        let request = scope::request::<Self>(&cx.origin(), keys, Location::caller());
        async move { request?.values().await }
    }

    /// Stores the row.
    ///
    /// # Errors
    /// [`DataError::Conflict`] when a unique value is taken, [`DataError::OtherTenant`] when the row names
    /// another organization than the transaction's, and whatever stops the statement.
    #[track_caller]
    fn insert<W: Write<Self::Owner>>(
        self,
        tx: &W,
    ) -> impl Future<Output = Result<Self, DataError>> + Send + use<Self, W> {
        let target = Target::of(&tx.origin(), Self::table().tenant.is_some(), Location::caller());
        async move {
            let [row] = write::insert(target, [self]).await?;
            Ok(row)
        }
    }

    /// Stores the row before the next statement of the transaction, or with COMMIT, in whose round trip it travels. For
    /// rows whose author waits for nothing of theirs, such as a job: if it cannot be stored, that statement or the
    /// COMMIT fails, with the name of this one and of its author's line.
    ///
    /// # Errors
    /// [`DataError::OtherTenant`] as [`Entity::insert`], and values that no database keeps.
    #[doc(hidden)]
    #[track_caller]
    fn insert_late<W: Write<Self::Owner>>(
        self,
        tx: &W,
    ) -> impl Future<Output = Result<(), DataError>> + Send + use<Self, W> {
        let target = Target::of(&tx.origin(), Self::table().tenant.is_some(), Location::caller());
        async move { write::insert_late(target, self) }
    }

    /// Stores many rows with one statement; none cost none. They are given as [`EntityRow`]s.
    ///
    /// # Errors
    /// As [`Entity::insert`]; then none of them is stored.
    #[track_caller]
    fn insert_many<W: Write<Self::Owner>, R: Into<Self>>(
        tx: &W,
        rows: Vec<R>,
    ) -> impl Future<Output = Result<Vec<Self>, DataError>> + Send + use<Self, W, R> {
        let rows: Vec<Self> = rows.into_iter().map(Into::into).collect();
        write::insert(Target::of(&tx.origin(), Self::table().tenant.is_some(), Location::caller()), rows)
    }

    /// Begins to store the row, or to change the row that has the same values in the columns of `unique`:
    /// `row.upsert(Label::unique_name).run(tx)`.
    fn upsert(self, unique: Unique<Self>) -> Upsert<Self> {
        Upsert::new(self, unique)
    }

    /// Begins a change of the row with this key.
    fn update(key: Self::Key) -> Update<Self> {
        Update::new(key)
    }

    /// Deletes the row with this key.
    ///
    /// # Errors
    /// [`DataError::NotFound`], and whatever stops the statement.
    #[track_caller]
    fn delete<W: Write<Self::Owner>>(
        tx: &W,
        key: Self::Key,
    ) -> impl Future<Output = Result<(), DataError>> + Send + use<Self, W> {
        let target = Target::of(&tx.origin(), Self::table().tenant.is_some(), Location::caller());
        write::delete::<Self>(target, key, None)
    }
}

/// The columns of an entity without its relations: what is stored. `derive(Entity)` writes one for each entity, `UserRow`
/// for `User`, so that a relation that is added to an entity leaves alone what inserts it.
pub trait EntityRow: Into<Self::Entity> + Send + 'static {
    /// The entity.
    type Entity: Entity;

    /// Stores the row.
    ///
    /// # Errors
    /// As [`Entity::insert`].
    #[track_caller]
    fn insert<W: Write<<Self::Entity as Entity>::Owner>>(
        self,
        tx: &W,
    ) -> impl Future<Output = Result<Self::Entity, DataError>> + Send + use<Self, W> {
        let entity: Self::Entity = self.into();
        entity.insert(tx)
    }

    /// As [`Entity::upsert`].
    fn upsert(self, unique: Unique<Self::Entity>) -> Upsert<Self::Entity> {
        Upsert::new(self.into(), unique)
    }
}

/// An entity with a column that counts its changes, `#[entity(version)]`: whoever writes can say which state he has
/// seen, and is told when it is not the last any more (optimistic locking).
pub trait Versioned: Entity {
    /// The version that was loaded.
    fn version(&self) -> i64;

    /// Deletes the row with this key, if its version is still `version`.
    ///
    /// # Errors
    /// [`DataError::Stale`] when somebody has changed it, [`DataError::NotFound`], and whatever stops the statement.
    #[track_caller]
    fn delete_version<W: Write<Self::Owner>>(
        tx: &W,
        key: Self::Key,
        version: i64,
    ) -> impl Future<Output = Result<(), DataError>> + Send + use<Self, W> {
        let target = Target::of(&tx.origin(), Self::table().tenant.is_some(), Location::caller());
        write::delete::<Self>(target, key, Some(version))
    }
}

/// Columns whose values no two rows share, declared as `#[entity(unique(email))]` and named `Account::unique_email`.
/// In a tenant's table the organization is one of them. `Account::unique_key` is the primary key.
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

    /// Says which entity was written, and which row if it was one.
    pub(crate) fn of<E: Entity>(mut self, key: Option<String>) -> Self {
        if let DataError::Conflict { constraint, .. } | DataError::Refused { constraint, .. } = &mut self {
            let table = E::table();
            // SQLite does not always name the table, and PostgreSQL names the one that refers to this one, by columns
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
