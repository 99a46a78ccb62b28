//! The search indexes that the database has. A search without its index is refused with the line that makes it.

use std::collections::HashSet;
use std::sync::{PoisonError, RwLock};

use crate::error::DataError;
use crate::statement::CallSite;

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
