//! Full-text search within an organization: FTS5 on SQLite, tsvector with GIN on PostgreSQL.
//!
//! Each indexed word begins with its organization, so an index lookup, also one for a prefix, reads this organization's
//! entries and no others. Triggers of the database keep the index; see `migrate/search.rs`.

mod wanted;

pub(crate) use self::wanted::WantedWords;
use crate::entity::{Column, Entity};
use crate::ownership::Tenant;
use crate::value::ColumnType;

/// An entity whose texts are searched, `#[entity(search(title, body))]`. Its table needs a migration with the line
/// `-- tenfold: search module_things (title, body)`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say which of its texts are searched",
    label = "add `search(title, …)` to its `#[entity(…)]`"
)]
pub trait Searched: Entity<Owner = Tenant> {
    /// The columns that are searched.
    const TEXTS: &'static [&'static str];
}

/// A column that holds text, which may be NULL.
#[doc(hidden)]
#[diagnostic::on_unimplemented(message = "a column of type `{Self}` holds no text to search")]
pub trait TextColumn: ColumnType {}

impl TextColumn for String {}
impl TextColumn for Option<String> {}

/// The name of a column that is searched. Called by the derive.
#[doc(hidden)]
pub const fn text<E: Entity, T: TextColumn>(column: Column<E, T>) -> &'static str {
    column.name()
}
