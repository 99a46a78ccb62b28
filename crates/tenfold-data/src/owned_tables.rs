//! The tables that hold rows of organizations: those whose key begins with `org_id`. A statement of an entity that is
//! declared global is refused on them.
//!
//! Row-level security cannot do this: the statements of a global entity run with the reach of the system, because a
//! global entity's rows belong to no organization.

use std::collections::HashSet;
use std::sync::{PoisonError, RwLock};

use crate::error::DataError;
use crate::statement::CallSite;

/// The names of those tables; empty before the first [`Database::migrate`](crate::Database::migrate).
#[derive(Default)]
pub(crate) struct OwnedTables(RwLock<KnownOwners>);

#[derive(Default)]
struct KnownOwners {
    /// Those whose key begins with `org_id`.
    owned: HashSet<String>,
    /// All modules' tables with a column `org_id`, sorted.
    naming: Vec<String>,
}

impl OwnedTables {
    /// Stores the names, after the migrations have run: of the tables whose key begins with `org_id`, and of all that have such a
    /// column.
    pub(crate) fn learn(&self, owned: Vec<String>, naming: Vec<String>) {
        let (owned, mut naming) = (owned.into_iter().collect(), naming);
        // The framework cleans up after itself, and not at once.
        naming.retain(|table| !table.starts_with("tenfold_"));
        naming.sort_unstable();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = KnownOwners { owned, naming };
    }

    /// Whether each row of the table belongs to an organization.
    pub(crate) fn contains(&self, table: &str) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).owned.contains(table)
    }

    /// The tables of modules whose key begins with `org_id`.
    pub(crate) fn owned(&self) -> Vec<String> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.naming.iter().filter(|table| known.owned.contains(*table)).cloned().collect()
    }

    /// The tables of modules that have a column `org_id`, sorted.
    pub(crate) fn naming_an_organization(&self) -> Vec<String> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).naming.clone()
    }

    /// Refuses a statement of a global entity on a table that holds rows of organizations.
    ///
    /// # Errors
    /// [`DataError::Settings`], which names the statement, the table and the author's line.
    pub(crate) fn refuse(&self, table: &str, statement: &str, site: CallSite) -> Result<(), DataError> {
        if !self.contains(table) {
            return Ok(());
        }
        Err(DataError::Settings(format!(
            "{statement} at {site}: the entity is declared `global`, but each row of {table} belongs to an \
             organization, since its key begins with org_id; declare the entity with `tenant = org_id`"
        )))
    }
}
