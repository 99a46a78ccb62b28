//! What the statement of a relation returns.

use std::sync::Arc;

use super::link::Link;
use super::peering::Peering;
use crate::entity::{Entity, Table, read_stored, stored};
use crate::ownership::OrgId;
use crate::row::{ReadError, Row, RowSource};
use crate::value::Value;

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
    /// As the cache keeps rows.
    fn stored(rows: &[Self]) -> Arc<[Value]>;
    /// The rows that were stored so.
    fn read_stored(columns: &[Value], owner: Option<OrgId>) -> Result<Vec<Self>, ReadError>;
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
    fn stored(rows: &[Self]) -> Arc<[Value]> {
        stored(rows.iter())
    }
    fn read_stored(columns: &[Value], owner: Option<OrgId>) -> Result<Vec<Self>, ReadError> {
        read_stored(columns, owner)
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
    fn stored(rows: &[Self]) -> Arc<[Value]> {
        rows.iter().map(|counted| Value::Integer(counted.rows)).collect()
    }
    fn read_stored(columns: &[Value], owner: Option<OrgId>) -> Result<Vec<Self>, ReadError> {
        columns.chunks(1).map(|columns| Self::read(&Row(RowSource::Values(columns)), owner)).collect()
    }
}
