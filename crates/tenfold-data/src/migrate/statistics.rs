//! Statistics for SQLite's planner, which does not collect any by itself.
//!
//! Without statistics SQLite considers all equalities equally selective. For the page of one project's tasks it walks
//! the primary key `(org_id, id)` through the whole organization, although there is an index `(org_id, project_id,
//! id)`. `ANALYZE` would help, but on an empty database it records nothing. So each index gets the statistics of the
//! database that it is designed for: a million rows, and each further column of an index narrows a hundredfold. Results
//! of `ANALYZE` are left alone. PostgreSQL's autovacuum collects its own statistics.

use std::panic::Location;

use super::run::run;
use crate::database::Database;
use crate::driver::{DriverError, DriverTransaction};
use crate::error::DataError;
use crate::statement::Dialect;

/// Creates the statistics table if it is missing, and reloads it.
const LOAD: &str = "ANALYZE sqlite_schema";

/// The indexes without statistics. `ANALYZE` removes the seeded statistics of an empty table.
const MISSING: &str = "
SELECT l.name FROM sqlite_schema m, pragma_table_list(m.name) k, pragma_index_list(m.name) l
WHERE m.type = 'table' AND k.schema = 'main' AND m.name NOT LIKE 'sqlite_%'
    AND NOT EXISTS (SELECT 1 FROM sqlite_stat1 s
                    WHERE s.tbl = m.name AND s.idx = CASE WHEN l.origin = 'pk' AND k.wr THEN m.name ELSE l.name END)";

/// Changes the schema, so that other connections reload the statistics.
const NOTICE: &str = "CREATE TABLE tenfold_notice (of_statistics); DROP TABLE tenfold_notice";

/// One row for each index that has none: the number of rows, then the number of rows that share its first column, its
/// first two, and so on (<https://sqlite.org/fileformat2.html#the_sqlite_stat1_table>). A partial index holds a
/// twentieth. The primary key of a table without rowid has the table's name. `noskipscan` keeps SQLite from trying each
/// organization in turn.
const SEED: &str = "
INSERT INTO sqlite_stat1 (tbl, idx, stat)
SELECT t.name, i.idx, (1000000 / i.part) || ' ' || group_concat(
    CASE
        WHEN i.is_unique AND c.seqno = i.columns - 1 THEN 1
        ELSE max(1, CASE c.seqno WHEN 0 THEN 10000 WHEN 1 THEN 100 ELSE 10 END / i.part)
    END, ' ' ORDER BY c.seqno) || ' noskipscan'
FROM pragma_table_list t
JOIN (SELECT m.name AS tbl, l.name AS own, l.\"unique\" AS is_unique,
             CASE WHEN l.origin = 'pk' AND k.wr THEN m.name ELSE l.name END AS idx,
             CASE WHEN l.partial THEN 20 ELSE 1 END AS part,
             (SELECT count(*) FROM pragma_index_info(l.name)) AS columns
      FROM sqlite_schema m, pragma_index_list(m.name) l, pragma_table_list(m.name) k
      WHERE m.type = 'table' AND k.schema = 'main') i ON i.tbl = t.name
JOIN pragma_index_info(i.own) c
WHERE t.schema = 'main' AND t.name NOT LIKE 'sqlite_%'
    AND NOT EXISTS (SELECT 1 FROM sqlite_stat1 s WHERE s.tbl = t.name AND s.idx = i.idx)
GROUP BY t.name, i.idx";

/// The script that adds the missing statistics.
pub(crate) fn script() -> String {
    format!("{LOAD}; {SEED}; {LOAD};")
}

/// Adds the missing statistics. Other connections reload them when they notice that the schema has changed, so this
/// belongs in the transaction that changes it.
pub(super) async fn seed(dialect: Dialect, transaction: &dyn DriverTransaction) -> Result<(), DriverError> {
    if dialect == Dialect::Postgres {
        return Ok(());
    }
    transaction.script(&script()).await
}

/// Seeds a database whose migrations all ran before there were statistics, or that has lost some.
pub(super) async fn seed_if_missing(database: &Database) -> Result<(), DataError> {
    if database.dialect() == Dialect::Postgres {
        return Ok(());
    }
    let seeding = async {
        let transaction = database.driver().begin(None, None).await?;
        let text = "SELECT name FROM sqlite_schema WHERE name = 'sqlite_stat1'";
        let is_new = run(&*transaction, "migrations.statistics", text, &[]).await?.is_empty();
        if is_new || !run(&*transaction, "migrations.statistics", MISSING, &[]).await?.is_empty() {
            seed(Dialect::Sqlite, &*transaction).await?;
            transaction.script(NOTICE).await?;
        }
        transaction.commit().await
    };
    seeding.await.map_err(|error: DriverError| error.at("migrations.statistics", Location::caller()))
}
