//! What the statement of a relation returns.

use super::link::Link;
use super::peering::Peering;
use crate::entity::{Entity, Table};
use crate::ownership::OrgId;
use crate::row::{ReadError, Row};

/// What a relation's statement returns: rows of an entity, or counts.
#[doc(hidden)]
pub trait Related: Sized + Send + Sync + 'static {
    /// Whether the statement counts instead of returning rows.
    const COUNTS: bool;
    fn table() -> &'static Table;
    /// Reads the columns before the link, from a row of `owner`.
    fn read(row: &Row<'_>, owner: Option<OrgId>) -> Result<Self, ReadError>;
    /// The selected column at this position, if rows can be linked by it.
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
    pub(super) rows: i64,
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
