//! Indexes that are built while writes go on.
//!
//! On PostgreSQL a plain CREATE INDEX blocks every write to its table until it is done, on a large table for minutes. A
//! file whose first line is [`MARK`] is built `CONCURRENTLY` there, which is not possible inside a transaction. An
//! interrupted index stays behind, invalid, and is dropped before it is built again. On SQLite, whose writer waits
//! anyway, the file runs like any other.

use super::run::run;
use crate::driver::{Driver, DriverError, DriverTransaction};
use crate::value::Value;

/// The first line of a file whose indexes are built without blocking writers.
pub(super) const MARK: &str = "-- tenfold: concurrently";

/// One index of such a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ConcurrentIndex {
    name: String,
    create: String,
}

/// The indexes that a file's statements create. Other statements are refused.
pub(super) fn indexes(statements: &[String]) -> Result<Vec<ConcurrentIndex>, String> {
    statements.iter().map(|statement| read(statement)).collect()
}

fn read(statement: &str) -> Result<ConcurrentIndex, String> {
    let words: Vec<&str> = statement.split_whitespace().collect();
    let lower: Vec<String> = words.iter().take(5).map(|word| word.to_ascii_lowercase()).collect();
    let at = match lower.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["create", "index", _, "on", ..] => 2,
        ["create", "unique", "index", _, "on"] => 3,
        _ => {
            return Err(format!(
                "a file that begins with `{MARK}` holds nothing but CREATE [UNIQUE] INDEX name ON …: move the rest \
                 into a file of its own"
            ));
        }
    };
    let (verb, rest) = (words[..at].join(" "), words[at..].join(" "));
    Ok(ConcurrentIndex { name: words[at].to_owned(), create: format!("{verb} CONCURRENTLY {rest}") })
}

/// Builds the indexes that do not exist yet. `guard` is the runner's own transaction, which keeps other runners out.
pub(super) async fn build(
    driver: &dyn Driver,
    guard: &dyn DriverTransaction,
    indexes: &[ConcurrentIndex],
) -> Result<(), DriverError> {
    for index in indexes {
        let look = "SELECT CASE WHEN indisvalid THEN 'whole' ELSE 'broken' END FROM pg_index \
                    WHERE indexrelid = to_regclass($1)";
        let found = run(guard, "migrations.index", look, &[Value::Text(index.name.clone())]).await?;
        // The guard is idle while the index is built. Its last query would keep a snapshot, and the build would wait
        // for that for ever. So a statement without a snapshot runs last.
        guard.script("SET LOCAL idle_in_transaction_session_timeout = 0").await?;
        match found.first().map(String::as_str) {
            Some("whole") => continue,
            Some(_) => driver.outside(&format!("DROP INDEX CONCURRENTLY {}", index.name)).await?,
            None => {}
        }
        driver.outside(&index.create).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{ConcurrentIndex, indexes};

    #[test]
    fn only_indexes_are_taken_and_each_is_built_concurrently() {
        let index =
            |name: &str, create: &str| ConcurrentIndex { name: name.to_owned(), create: create.to_owned() };
        let texts = ["CREATE INDEX a ON t (x, y)", "create unique\n index b on t (lower(x)) WHERE x <> ''"];
        assert_eq!(
            indexes(&texts.map(str::to_owned)).unwrap(),
            [
                index("a", "CREATE INDEX CONCURRENTLY a ON t (x, y)"),
                index("b", "create unique index CONCURRENTLY b on t (lower(x)) WHERE x <> ''")
            ]
        );
        for other in ["DROP INDEX a", "CREATE INDEX IF NOT EXISTS a ON t (x)", "CREATE TABLE t (x text)"] {
            assert!(indexes(&[other.to_owned()]).unwrap_err().contains("file of its own"), "{other}");
        }
    }
}
