//! Tells the processes that run already that a migration may have changed anything: they may keep rows that it has changed, and
//! know the foreign keys as they were.

use super::run::run;
use crate::database::Database;
use crate::driver::{DriverError, DriverTransaction};
use crate::feed::everything::everything;
use crate::statement::Dialect;
use crate::value::Value;

/// Tells them within the migration's transaction, so that they are told if and only if it is committed. Before the feed has its
/// tables there is nobody to tell.
pub(super) async fn tell(
    transaction: &dyn DriverTransaction,
    database: &Database,
) -> Result<(), DriverError> {
    let has_feed = match database.dialect() {
        Dialect::Sqlite => "SELECT name FROM sqlite_schema WHERE type = 'table' AND name = 'tenfold_changes'",
        Dialect::Postgres => "SELECT 'yes' WHERE to_regclass('tenfold_changes') IS NOT NULL",
    };
    if run(transaction, "migrations.has_feed", has_feed, &[]).await?.is_empty() {
        return Ok(());
    }
    let (text, line) = everything(database.dialect());
    let params = [Value::Uuid(database.clock().new_id()), Value::Text(line)];
    run(transaction, "migrations.tell", text, &params).await.map(drop)
}
