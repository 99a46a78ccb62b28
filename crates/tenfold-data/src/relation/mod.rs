//! Relations and cohorts: touching a relation on one entity loads it for all that were loaded with it.
//!
//! The precedents are Goldiloader (Rails), Django's `FETCH_PEERS` and Laravel's automatic eager loading. A
//! relation is a field, [`One`], [`Many`] or [`Count`]; the field shares a cohort with the same field of the
//! entities that came from the same query. What is loaded forms a new cohort, so nested loops cost one
//! statement a level. An entity that was dropped is no peer any more: filtering a list narrows its cohort.
//!
//! What a relation gave stays with its entity, as the entity's columns do: load the entity again to see what was
//! written since. A transaction loads for itself, and what it saw is forgotten when it is rolled back.

mod batch;
mod cohort;
mod members;
mod path;
mod reference;
mod seen;

use std::future::Future;
use std::panic::Location;
use std::sync::Arc;

pub use self::cohort::link;
pub use self::path::{LinkTo, Order, Path, Relation, Through, between, linked, ordered};
pub use self::reference::{PeerKey, Ref, link_references};
use self::seen::Member;
pub use self::seen::{Field, Peering};
use crate::context::Reach;
use crate::entity::{Entity, Table};
use crate::error::DataError;
use crate::ownership::OrgId;
use crate::row::{ReadError, Row};
use crate::value::{Kind, Value};

/// The one row of `T` that belongs to this entity, or that it belongs to.
pub struct One<T: Entity>(Member<T>);

/// The rows of `T` that belong to this entity, in the order of their keys unless the relation says another.
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

    fn read(row: &Row<'_>, index: usize, kind: Kind) -> Result<Self, ReadError> {
        match kind {
            Kind::Uuid => row.uuid(index).map(Link::Uuid),
            Kind::Integer => row.integer(index).map(Link::Integer),
            Kind::Text => row.text(index).map(|text| Link::Text(text.into())),
            _ => Err(ReadError::new(index, "a key", "a value of a type that is no key")),
        }
    }
}

/// What a relation's statement gives: rows of an entity, or counts.
#[doc(hidden)]
pub trait Related: Sized + Send + Sync + 'static {
    /// Whether the statement counts instead of giving rows.
    const COUNTS: bool;
    fn table() -> &'static Table;
    /// Reads the columns before the link, of a row that `owner` has.
    fn read(row: &Row<'_>, owner: Option<OrgId>) -> Result<Self, ReadError>;
    /// The column at a place among those that were read, if rows can be linked by it.
    fn link_at(&self, place: usize) -> Link;
    fn link<'r>(rows: impl Iterator<Item = &'r mut Self>, peering: Peering);
}

impl<T: Entity> Related for T {
    const COUNTS: bool = false;
    fn table() -> &'static Table {
        T::table()
    }
    fn read(row: &Row<'_>, owner: Option<OrgId>) -> Result<Self, ReadError> {
        T::read(row, owner)
    }
    fn link_at(&self, place: usize) -> Link {
        T::link_at(self, place)
    }
    fn link<'r>(rows: impl Iterator<Item = &'r mut Self>, peering: Peering) {
        T::link(rows, peering);
    }
}

/// One row of a counting relation.
#[doc(hidden)]
pub struct Counted<T> {
    rows: i64,
    entity: std::marker::PhantomData<fn() -> T>,
}

impl<T: Entity> Related for Counted<T> {
    const COUNTS: bool = true;
    fn table() -> &'static Table {
        T::table()
    }
    fn read(row: &Row<'_>, _: Option<OrgId>) -> Result<Self, ReadError> {
        Ok(Counted { rows: row.integer(0)?, entity: std::marker::PhantomData })
    }
    fn link_at(&self, _: usize) -> Link {
        Link::None
    }
    fn link<'r>(_: impl Iterator<Item = &'r mut Self>, _: Peering) {}
}
