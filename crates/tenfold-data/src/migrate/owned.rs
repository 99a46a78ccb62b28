//! Reads which tables hold rows of organizations, after the migrations have run.

use std::panic::Location;

use super::run::run;
use crate::database::Database;
use crate::driver::DriverError;
use crate::error::DataError;
use crate::statement::Dialect;

const ON_SQLITE: &str = "SELECT t.name FROM sqlite_schema AS t JOIN pragma_table_info(t.name) AS c \
                         WHERE t.type = 'table' AND c.pk = 1 AND c.name = 'org_id'";

const ON_POSTGRES: &str = "
SELECT c.relname::text FROM pg_class c
JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0] AND a.attname = 'org_id'
WHERE c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace";

const NAMING_ON_SQLITE: &str = "SELECT t.name FROM sqlite_schema AS t JOIN pragma_table_info(t.name) AS c \
                                WHERE t.type = 'table' AND c.name = 'org_id'";

const NAMING_ON_POSTGRES: &str = "
SELECT c.relname::text FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'org_id' AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = current_schema()::regnamespace";

impl Database {
    /// Reads those tables, after the migrations have run.
    pub(super) async fn learn_owned_tables(&self) -> Result<(), DataError> {
        let owned = self.looked_up("migrations.owned", ON_SQLITE, ON_POSTGRES).await?;
        let naming = self.looked_up("migrations.naming", NAMING_ON_SQLITE, NAMING_ON_POSTGRES).await?;
        self.owned().learn(owned, naming);
        Ok(())
    }

    /// The first column of what one of these texts finds in the schema.
    pub(super) async fn looked_up(
        &self,
        name: &'static str,
        sqlite: &'static str,
        postgres: &'static str,
    ) -> Result<Vec<String>, DataError> {
        let look = async {
            let transaction = self.driver().begin(None, None).await?;
            let text = match self.dialect() {
                Dialect::Sqlite => sqlite,
                Dialect::Postgres => postgres,
            };
            let found = run(&*transaction, name, text, &[]).await?;
            transaction.commit().await?;
            Ok(found)
        };
        let found: Result<Vec<String>, DriverError> = look.await;
        found.map_err(|error| error.at(name, Location::caller()))
    }
}
