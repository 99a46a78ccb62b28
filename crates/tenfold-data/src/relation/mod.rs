//! Relations and cohorts: touching a relation on one entity loads it for all that were loaded with it.
//!
//! The models are Goldiloader (Rails), Django's `FETCH_PEERS` and Laravel's automatic eager loading. A relation is a
//! field, [`One`], [`Many`] or [`Count`]. The field shares a cohort with the same field of the entities that came from
//! the same query. The loaded rows form a new cohort, so nested loops cost one statement for each level. A dropped
//! entity is no longer a peer: filtering a list narrows its cohort.
//!
//! The rows of a relation stay with their entity, as the entity's columns do. Load the entity again to see later
//! writes. A transaction loads for itself, and what it loaded is dropped when it is rolled back.

mod batch;
mod cohort;
mod link;
mod members;
mod path;
mod peering;
mod place;
mod reference;
mod related;
mod rows;
mod touch;

use std::future::Future;
use std::panic::Location;

pub use self::link::Link;
pub use self::path::{LinkTo, Order, Relation, RelationPath, Through, between, linked, ordered, same_module};
pub use self::peering::Peering;
pub use self::place::Field;
use self::place::Member;
pub use self::reference::{PeerKey, Ref, link_references};

pub use self::related::{Counted, Related};
pub use self::touch::link;
use crate::context::Reach;
use crate::entity::Entity;
use crate::error::DataError;

/// The one row of `T` that belongs to this entity, or that this entity belongs to.
pub struct One<T: Entity>(Member<T>);

/// The rows of `T` that belong to this entity, ordered by key unless the relation has another order.
pub struct Many<T: Entity>(Member<T>);

/// How many rows of `T` belong to this entity.
pub struct Count<T: Entity>(Member<Counted<T>>);

impl<T: Entity> One<T> {
    /// The row.
    ///
    /// # Errors
    /// [`DataError::NotFound`] when there is none; any error of the statement.
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
    /// Any error of the statement.
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
    /// Any error of the statement.
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
    /// Any error of the statement.
    #[track_caller]
    pub fn get<'a>(
        &'a self,
        cx: &impl Reach<T::Owner>,
    ) -> impl Future<Output = Result<i64, DataError>> + Send + 'a {
        let touch = self.0.touch(&cx.origin(), Location::caller());
        async move { Ok(touch.await?.first().map_or(0, |counted| counted.rows)) }
    }
}

macro_rules! field {
    ($field:ident, $row:ty) => {
        impl<T: Entity> Field for $field<T> {
            type Row = $row;
        }
        impl<T: Entity> From<Member<$row>> for $field<T> {
            fn from(member: Member<$row>) -> Self {
                $field(member)
            }
        }
        impl<T: Entity> Default for $field<T> {
            /// A relation of an entity that was not loaded. It has no rows before the entity is inserted.
            fn default() -> Self {
                $field(Member(None))
            }
        }
        impl<T: Entity> Clone for $field<T> {
            fn clone(&self) -> Self {
                $field(self.0.clone())
            }
        }
        impl<T: Entity> std::fmt::Debug for $field<T> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($field), "<{}>"), T::table().entity)
            }
        }
    };
}

field!(One, T);
field!(Many, T);
field!(Count, Counted<T>);
