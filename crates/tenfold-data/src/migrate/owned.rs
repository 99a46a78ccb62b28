//! Which tables keep rows of organizations: those whose key begins with `org_id`. A statement of an entity that is
//! declared global is refused on them.
//!
//! Row-level security cannot do it: the statements of a global entity run with the reach of the system, since a global
//! entity's rows belong to no organization.

use std::collections::HashSet;
use std::panic::Location;
use std::sync::{PoisonError, RwLock};

use super::run;
use crate::database::Database;
use crate::error::{DataError, DriverError};
use crate::statement::{CallSite, Dialect};

/// The names of those tables; empty before the first [`Database::migrate`].
#[derive(Default)]
pub(crate) struct OwnedTables(RwLock<HashSet<String>>);

const ON_SQLITE: &str = "SELECT t.name FROM sqlite_schema AS t JOIN pragma_table_info(t.name) AS c \
                         WHERE t.type = 'table' AND c.pk = 1 AND c.name = 'org_id'";

const ON_POSTGRES: &str = "
SELECT c.relname::text FROM pg_class c
JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0] AND a.attname = 'org_id'
WHERE c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace";

impl Database {
    /// Reads which tables there are, after the migrations have run.
    pub(super) async fn learn_owned_tables(&self) -> Result<(), DataError> {
        let look = async {
            let transaction = self.driver().begin(None, None).await?;
            let text = match self.dialect() {
                Dialect::Sqlite => ON_SQLITE,
                Dialect::Postgres => ON_POSTGRES,
            };
            let names = run(&*transaction, "migrations.owned", text, &[]).await?;
            transaction.commit().await?;
            Ok(names)
        };
        let names: Result<Vec<String>, DriverError> = look.await;
        let names = names.map_err(|error| error.at("migrations.owned", Location::caller()))?;
        *self.owned().0.write().unwrap_or_else(PoisonError::into_inner) = names.into_iter().collect();
        Ok(())
    }

    /// Refuses a statement of a global entity on a table that keeps rows of organizations.
    ///
    /// # Errors
    /// [`DataError::Settings`], which names the statement, the table and the author's line.
    pub(crate) fn refuse_if_owned(
        &self,
        table: &str,
        statement: &str,
        site: CallSite,
    ) -> Result<(), DataError> {
        if !self.owned().0.read().unwrap_or_else(PoisonError::into_inner).contains(table) {
            return Ok(());
        }
        Err(DataError::Settings(format!(
            "{statement} at {site}: the entity is declared `global`, but each row of {table} belongs to an \
             organization, since its key begins with org_id; declare the entity with `tenant = org_id`"
        )))
    }
}
