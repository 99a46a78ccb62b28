//! Full-text search within an organization: FTS5 on SQLite, tsvector with GIN on PostgreSQL.
//!
//! Each indexed word begins with its organization, so an index lookup, also one for a prefix, reads this organization's
//! entries and no others. Triggers of the database keep the index; see `migrate/search.rs`.

mod wanted;
mod words;

use std::collections::HashSet;
use std::sync::{PoisonError, RwLock};

pub(crate) use self::wanted::Wanted;
pub(crate) use self::words::register;
use crate::entity::{Column, Entity};
use crate::error::DataError;
use crate::ownership::Tenant;
use crate::statement::CallSite;
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
pub trait Text: ColumnType {}

impl Text for String {}
impl Text for Option<String> {}

/// The name of a column that is searched. Called by the derive.
#[doc(hidden)]
pub const fn text<E: Entity, T: Text>(column: Column<E, T>) -> &'static str {
    column.name()
}

/// The mark of a search index: a line of a migration, and a comment on the index's table.
pub(crate) fn mark(table: &str, texts: &[&str]) -> String {
    format!("-- tenfold: search {table} ({})", texts.join(", "))
}

/// The marks of the search indexes that the database has; none before the first
/// [`Database::migrate`](crate::Database::migrate).
#[derive(Default)]
pub(crate) struct SearchedTables(RwLock<Option<HashSet<String>>>);

impl SearchedTables {
    /// Stores the marks, after the migrations have run.
    pub(crate) fn learn(&self, marks: impl IntoIterator<Item = String>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(marks.into_iter().collect());
    }

    /// Refuses to search a table without an index on these columns.
    ///
    /// # Errors
    /// [`DataError::Settings`], with the line that a migration lacks.
    pub(crate) fn check(&self, mark: &str, entity: &str, site: CallSite) -> Result<(), DataError> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if known.as_ref().is_none_or(|known| known.contains(mark)) {
            return Ok(());
        }
        Err(DataError::Settings(format!(
            "{entity} is searched at {site}, and the database has no index for it: add a migration with the line \
             `{mark}`"
        )))
    }
}
