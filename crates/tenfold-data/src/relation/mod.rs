//! Relations and cohorts: touching a relation on one entity loads it for all that were loaded with it.
//!
//! The precedents are Goldiloader (Rails), Django's `FETCH_PEERS` and Laravel's automatic eager loading. A
//! relation is a field, [`One`], [`Many`] or [`Count`]; the field shares a cohort with the same field of the
//! entities that came from the same query. What is loaded forms a new cohort, so nested loops cost one
//! statement a level. An entity that was dropped is no peer any more: filtering a list narrows its cohort.

mod cohort;
mod reference;

use std::cmp::Ordering;
use std::future::Future;
use std::panic::Location;
use std::sync::{Arc, OnceLock};

use self::cohort::Member;
pub use self::cohort::{Field, link};
pub use self::reference::{PeerKey, Ref, link_references};
use crate::context::Reach;
use crate::entity::{Entity, OrgId, Table, any};
use crate::error::DataError;
use crate::row::{ReadError, Row};
use crate::statement::{Cost, Dialect, Statement};
use crate::value::{ColumnType as _, Value};

/// How many entities load a relation together; a longer list is cut into several cohorts.
pub const COHORT_SIZE: usize = 10_000;

/// The one row of `T` that belongs to this entity, or that it belongs to.
pub struct One<T: Entity>(Member<T>);

/// The rows of `T` that belong to this entity, in the order of their keys.
pub struct Many<T: Entity>(Member<T>);

/// How many rows of `T` belong to this entity.
pub struct Count<T: Entity>(Member<Counted<T>>);

impl<T: Entity> One<T> {
    /// The row.
    ///
    /// # Errors
    /// [`DataError::NotFound`] when there is none, and whatever stops the statement.
    #[track_caller]
    pub fn get<'a>(
        &'a self,
        cx: &impl Reach<T::Owner>,
    ) -> impl Future<Output = Result<&'a T, DataError>> + Send + 'a {
        let touch = self.0.touch(&cx.origin(), Location::caller());
        async move {
            let rows = touch.await?;
            rows.first().ok_or_else(|| DataError::NotFound { entity: T::table().entity, key: self.0.key() })
        }
    }

    /// The row, if there is one.
    ///
    /// # Errors
    /// Whatever stops the statement.
    #[track_caller]
    pub fn find<'a>(
        &'a self,
        cx: &impl Reach<T::Owner>,
    ) -> impl Future<Output = Result<Option<&'a T>, DataError>> + Send + 'a {
        let touch = self.0.touch(&cx.origin(), Location::caller());
        async move { Ok(touch.await?.first()) }
    }
}

impl<T: Entity> Many<T> {
    /// The rows; an empty slice when there are none.
    ///
    /// # Errors
    /// Whatever stops the statement.
    #[track_caller]
    pub fn get<'a>(
        &'a self,
        cx: &impl Reach<T::Owner>,
    ) -> impl Future<Output = Result<&'a [T], DataError>> + Send + 'a {
        self.0.touch(&cx.origin(), Location::caller())
    }
}

impl<T: Entity> Count<T> {
    /// The number of rows.
    ///
    /// # Errors
    /// Whatever stops the statement.
    #[track_caller]
    pub fn get<'a>(
        &'a self,
        cx: &impl Reach<T::Owner>,
    ) -> impl Future<Output = Result<i64, DataError>> + Send + 'a {
        let touch = self.0.touch(&cx.origin(), Location::caller());
        async move { Ok(touch.await?.first().map_or(0, |counted| counted.rows)) }
    }
}

/// What the derive knows of a relation.
#[doc(hidden)]
pub struct Relation<R: Related> {
    /// The entity that has the field.
    pub from: &'static str,
    /// The field.
    pub name: &'static str,
    /// The foreign key of the related table; none for "belongs to", which compares the related key.
    pub foreign: Option<&'static str>,
    /// That column's value in a loaded row.
    pub of: fn(&R) -> Link,
    texts: [OnceLock<Statement>; 2],
}

/// The value that two sides of a relation share. Ids are copied, text keys are cloned.
#[doc(hidden)]
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Link {
    Uuid(uuid::Uuid),
    Integer(i64),
    Text(Arc<str>),
    /// A nullable foreign key without a value: related to nothing.
    None,
}

impl Link {
    /// The link of a key column.
    pub fn new(value: Value) -> Self {
        match value {
            Value::Uuid(id) => Link::Uuid(id),
            Value::Integer(n) => Link::Integer(n),
            Value::Text(text) => Link::Text(text.into()),
            _ => Link::None,
        }
    }

    fn value(&self) -> Value {
        match self {
            Link::Uuid(id) => Value::Uuid(*id),
            Link::Integer(n) => Value::Integer(*n),
            Link::Text(text) => Value::Text(text.to_string()),
            Link::None => Value::Null,
        }
    }
}

impl<R: Related> Relation<R> {
    /// Describes a relation; called by the derive.
    pub const fn new(
        from: &'static str,
        name: &'static str,
        foreign: Option<&'static str>,
        of: fn(&R) -> Link,
    ) -> Self {
        Relation { from, name, foreign, of, texts: [OnceLock::new(), OnceLock::new()] }
    }

    /// The rows of `R` for a list of links.
    fn statement(&self, dialect: Dialect) -> &Statement {
        self.texts[dialect as usize].get_or_init(|| {
            let table = R::table();
            let text = R::select(dialect, self.foreign.unwrap_or(table.key));
            table.statement(&format!("{}_of_{}", self.name, self.from), text, Cost::Key).lasting()
        })
    }
}

/// What a relation's statement gives: rows of an entity, or counts.
#[doc(hidden)]
pub trait Related: Sized + Send + Sync + 'static {
    fn table() -> &'static Table;
    /// The text that takes the values of `column` as its last parameter.
    fn select(dialect: Dialect, column: &str) -> String;
    /// In which order two rows of one link stand.
    fn compare(&self, other: &Self) -> Ordering;
    fn read(row: &Row<'_>) -> Result<Self, ReadError>;
    fn link(rows: &mut [Self], tenant: Option<OrgId>);
}

impl<T: Entity> Related for T {
    fn table() -> &'static Table {
        T::table()
    }
    fn select(dialect: Dialect, column: &str) -> String {
        T::table().select_by_list(dialect, column)
    }
    fn compare(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
    fn read(row: &Row<'_>) -> Result<Self, ReadError> {
        T::read(row)
    }
    fn link(rows: &mut [Self], tenant: Option<OrgId>) {
        T::link(rows, tenant);
    }
}

/// One row of a counting relation.
#[doc(hidden)]
pub struct Counted<T> {
    pub link: Link,
    rows: i64,
    entity: std::marker::PhantomData<fn() -> T>,
}

impl<T: Entity> Related for Counted<T> {
    fn table() -> &'static Table {
        T::table()
    }
    fn select(dialect: Dialect, column: &str) -> String {
        let table = T::table();
        let (tenant, next) = table.tenant_condition();
        let (name, wanted) = (table.name, any(dialect, column, next));
        format!("SELECT {column}, count(*) FROM {name} WHERE {tenant}{wanted} GROUP BY {column}")
    }
    fn compare(&self, _: &Self) -> Ordering {
        Ordering::Equal
    }
    fn read(row: &Row<'_>) -> Result<Self, ReadError> {
        // The row does not say which relation it is of, so its key is taken as what it turns out to be.
        let link = uuid::Uuid::read(row, 0).map(Link::Uuid);
        let link = link.or_else(|_| row.integer(0).map(Link::Integer));
        let link = link.or_else(|_| row.text(0).map(|text| Link::Text(text.into())))?;
        Ok(Counted { link, rows: row.integer(1)?, entity: std::marker::PhantomData })
    }
    fn link(_: &mut [Self], _: Option<OrgId>) {}
}
