//! The columns of rows as the cache keeps them, and rows made of these.

use std::sync::Arc;

use super::Entity;
use crate::cache::as_stored;
use crate::ownership::OrgId;
use crate::row::{ReadError, Row, RowSource};
use crate::value::Value;

/// The columns that [`Entity::read`] wants, as SQLite would give them, one row after the other.
pub(crate) fn stored<'r, E: Entity>(rows: impl Iterator<Item = &'r E>) -> Arc<[Value]> {
    let tenant = E::table().tenant;
    let read = |row: &'r E| E::table().columns.iter().zip(row.values());
    let read = rows.flat_map(read).filter(|(column, _)| tenant != Some(column.name));
    read.map(|(_, value)| as_stored(value)).collect()
}

/// The rows of these columns.
pub(crate) fn read_stored<E: Entity>(columns: &[Value], tenant: Option<OrgId>) -> Result<Vec<E>, ReadError> {
    let width = E::table().selected().count();
    columns.chunks(width).map(|columns| E::read(&Row(RowSource::Values(columns)), tenant)).collect()
}
