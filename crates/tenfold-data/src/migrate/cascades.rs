//! Reads what the foreign keys do when a row is deleted, after the migrations have run.

use crate::cascades::Cascade;
use crate::database::Database;
use crate::error::DataError;

/// Three words for each key: what it does, the table that is referred to, and the table that refers to it.
pub(crate) const ON_SQLITE: &str = "SELECT k.on_delete || '/' || k.\"table\" || '/' || t.name \
                         FROM sqlite_schema AS t JOIN pragma_foreign_key_list(t.name) AS k \
                         WHERE t.type = 'table' AND k.seq = 0 AND k.on_delete NOT IN ('NO ACTION', 'RESTRICT')";

const ON_POSTGRES: &str = "
SELECT CASE k.confdeltype WHEN 'c' THEN 'CASCADE' ELSE 'SET' END || '/' || referred.relname || '/' || referring.relname
FROM pg_constraint k
JOIN pg_class referred ON referred.oid = k.confrelid
JOIN pg_class referring ON referring.oid = k.conrelid
WHERE k.contype = 'f' AND k.confdeltype IN ('c', 'n', 'd') AND k.connamespace = current_schema()::regnamespace";

impl Database {
    /// Reads them.
    pub(super) async fn learn_cascades(&self) -> Result<(), DataError> {
        let found = self.looked_up("migrations.cascades", ON_SQLITE, ON_POSTGRES).await?;
        self.cascades().learn(&found.iter().filter_map(|key| Cascade::read(key)).collect::<Vec<_>>());
        Ok(())
    }
}
