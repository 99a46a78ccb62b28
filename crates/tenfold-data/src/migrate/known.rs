//! Reads the names of all tables, after the migrations have run.

use crate::database::Database;
use crate::error::DataError;

const TABLES_ON_SQLITE: &str = "SELECT name FROM sqlite_schema WHERE type = 'table'";
const TABLES_ON_POSTGRES: &str = "
SELECT relname::text FROM pg_class WHERE relkind IN ('r', 'p', 'f', 'm') AND relnamespace = current_schema()::regnamespace";
const VIEWS_ON_SQLITE: &str = "SELECT name || ' ' || sql FROM sqlite_schema WHERE type = 'view'";
const VIEWS_ON_POSTGRES: &str =
    "SELECT viewname || ' ' || definition FROM pg_views WHERE schemaname = current_schema()";

impl Database {
    /// Reads them, after the migrations have run.
    pub(super) async fn learn_known_tables(&self) -> Result<(), DataError> {
        let tables = self.looked_up("migrations.tables", TABLES_ON_SQLITE, TABLES_ON_POSTGRES).await?;
        let views = self.looked_up("migrations.views", VIEWS_ON_SQLITE, VIEWS_ON_POSTGRES).await?;
        self.known_tables().learn(tables, &views);
        Ok(())
    }
}
