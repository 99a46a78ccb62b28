//! Migrations: each module's ordered SQL files, with a history and checksums of their own.
//!
//! One portable text serves both databases (`portable.rs`); where it cannot, `NAME.sqlite.sql` and
//! `NAME.postgres.sql` stand side by side. One runner works at a time. A file that has run must not change.

mod portable;
mod statistics;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::panic::Location;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::database::Database;
use crate::driver::{Call, DriverTransaction, Params};
use crate::error::{DataError, DriverError, Source};
use crate::statement::{Cost, Dialect, Statement};
use crate::value::Value;

/// One file of a module's `migrations/` folder; [`migrations!`](crate::migrations) lists them.
#[derive(Clone, Copy, Debug)]
pub struct MigrationFile {
    /// Its name, such as `0001_accounts.sql`.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
}

/// All migrations of one module.
#[derive(Clone, Copy, Debug)]
pub struct ModuleMigrations {
    /// The module's name.
    pub module: &'static str,
    /// Its files, in any order.
    pub files: &'static [MigrationFile],
}

/// A migration and whether it has run.
#[derive(Clone, Debug)]
pub struct MigrationStatus {
    /// The module's name.
    pub module: &'static str,
    /// The file's name without its endings.
    pub name: String,
    /// Whether the database has it.
    pub applied: bool,
}

/// How often a migration that cannot get its locks is tried again, on PostgreSQL.
const LOCK_ATTEMPTS: u32 = 5;

/// The lock that runners on one PostgreSQL database share: "tenfold" in ASCII.
const RUNNER_LOCK: &str = "SELECT pg_advisory_xact_lock(x'74656e666f6c64'::bigint)";

const HISTORY: &str = "CREATE TABLE IF NOT EXISTS tenfold_migrations (module text NOT NULL, name text NOT NULL, \
                       checksum text NOT NULL, applied_at timestamptz NOT NULL, PRIMARY KEY (module, name));";

/// One migration, ready for one database.
struct Migration {
    module: &'static str,
    name: String,
    checksum: String,
    script: String,
}

impl Database {
    /// Runs the migrations that this database does not have yet, module by module in the given order.
    ///
    /// Returns how many ran.
    ///
    /// # Errors
    /// [`DataError::Migration`] names the file: a text that is not portable, a file that changed after it ran,
    /// a lock that could not be had, a statement that the database refuses. What ran before it stays.
    pub async fn migrate(&self, modules: &[ModuleMigrations]) -> Result<usize, DataError> {
        let migrations = read(self.dialect(), modules)?;
        let mut ran = 0;
        for migration in &migrations {
            let mut attempt = 1;
            ran += loop {
                match self.apply(migration).await {
                    Ok(applied) => break usize::from(applied),
                    Err(error) if attempt < LOCK_ATTEMPTS && is_lock_timeout(&error) => {
                        attempt += 1;
                        tokio::time::sleep(Duration::from_secs(1)).await;
                    }
                    Err(error) => return Err(migration.failed(error)),
                }
            };
        }
        statistics::seed_if_missing(self).await?;
        Ok(ran)
    }

    /// Which migrations have run.
    ///
    /// # Errors
    /// As [`Database::migrate`].
    pub async fn migration_status(
        &self,
        modules: &[ModuleMigrations],
    ) -> Result<Vec<MigrationStatus>, DataError> {
        let migrations = read(self.dialect(), modules)?;
        let failed = |error: DriverError| error.at("migrations.status", Location::caller());
        let transaction = self.driver().begin(None).await.map_err(failed)?;
        let transaction = &*transaction;
        prepare(self.dialect(), transaction).await.map_err(failed)?;
        let mut status = Vec::new();
        for migration in migrations {
            let applied = migration.recorded(transaction).await.map_err(failed)?.is_some();
            status.push(MigrationStatus { module: migration.module, name: migration.name, applied });
        }
        Ok(status)
    }

    /// Runs one migration if it has not run; says whether it did.
    async fn apply(&self, migration: &Migration) -> Result<bool, DriverError> {
        let transaction = self.driver().begin(None).await?;
        prepare(self.dialect(), &*transaction).await?;
        if let Some(checksum) = migration.recorded(&*transaction).await? {
            if checksum == migration.checksum {
                return transaction.commit().await.map(|()| false);
            }
            return Err(DriverError::Other(Source::new(
                "the file was changed after it had run here: restore it, and put the change into a new file",
            )));
        }
        transaction.script(&migration.script).await?;
        statistics::seed(self.dialect(), &*transaction).await?;
        let applied_at = Value::Time(self.clock().now());
        let module = Value::Text(migration.module.to_owned());
        let params = [
            module,
            Value::Text(migration.name.clone()),
            Value::Text(migration.checksum.clone()),
            applied_at,
        ];
        let text =
            "INSERT INTO tenfold_migrations (module, name, checksum, applied_at) VALUES ($1, $2, $3, $4)";
        run(&*transaction, "migrations.record", text, &params).await?;
        tracing::info!(module = migration.module, migration = migration.name, "migration applied");
        transaction.commit().await.map(|()| true)
    }
}

/// Waits for the other runner, keeps locks short, and makes the history if it is not there.
async fn prepare(dialect: Dialect, transaction: &dyn DriverTransaction) -> Result<(), DriverError> {
    if dialect == Dialect::Postgres {
        // The runner lock is awaited as long as another runner needs; a table's lock is not, since whoever
        // queues behind this migration would wait as well.
        transaction
            .script(&format!("SET LOCAL statement_timeout = 0; {RUNNER_LOCK}; SET LOCAL lock_timeout = '5s'"))
            .await?;
    }
    let history =
        portable::translate(HISTORY, dialect).map_err(|why| DriverError::Other(Source::new(why)))?;
    transaction.script(&history).await
}

async fn run(
    transaction: &dyn DriverTransaction,
    name: &'static str,
    text: &'static str,
    params: &[Value],
) -> Result<Vec<String>, DriverError> {
    let mut found = Vec::new();
    let statement = Statement { name: name.into(), module: "tenfold", text: text.into(), cost: Cost::Free };
    let mut sink = |row: &crate::row::Row<'_>| {
        found.push(row.text(0)?);
        Ok(())
    };
    let call = Call { statement: &statement, params: Params::One(params), deadline: None, sink: &mut sink };
    transaction.run(call).await?;
    Ok(found)
}

impl Migration {
    /// The checksum in the history, if it has run.
    async fn recorded(&self, transaction: &dyn DriverTransaction) -> Result<Option<String>, DriverError> {
        let params = [Value::Text(self.module.to_owned()), Value::Text(self.name.clone())];
        let text = "SELECT checksum FROM tenfold_migrations WHERE module = $1 AND name = $2";
        Ok(run(transaction, "migrations.recorded", text, &params).await?.pop())
    }

    fn failed(&self, error: DriverError) -> DataError {
        let reason = match error {
            // Nothing that the file could help.
            DriverError::Unavailable(source) => return DataError::Unavailable(source),
            DriverError::Overloaded(what) => return DataError::Overloaded { what },
            DriverError::Constraint(constraint) => constraint.to_string(),
            DriverError::Other(source) => source.to_string(),
            other => format!("{other:?}"),
        };
        DataError::Migration(format!("migration {} of module {}: {reason}", self.name, self.module))
    }
}

fn is_lock_timeout(error: &DriverError) -> bool {
    // 55P03 is lock_not_available.
    matches!(error, DriverError::Other(source) if source.to_string().starts_with("55P03"))
}

/// Puts the files of each module in order and makes their texts for one database.
fn read(dialect: Dialect, modules: &[ModuleMigrations]) -> Result<Vec<Migration>, DataError> {
    let mut all = Vec::new();
    for module in modules {
        let mut by_name: BTreeMap<&str, HashMap<&str, &str>> = BTreeMap::new();
        for file in module.files {
            let (name, kind) = split_name(file.name);
            by_name.entry(name).or_default().insert(kind, file.text);
        }
        for (name, texts) in by_name {
            let script = script(dialect, &texts).map_err(|why| {
                DataError::Migration(format!("migration {name} of module {}: {why}", module.module))
            })?;
            // The checksum is of what the author wrote, so that a better translation is no change of the file.
            let written = texts.get("").copied().unwrap_or(&script);
            let checksum = checksum(written);
            all.push(Migration { module: module.module, name: name.to_owned(), checksum, script });
        }
    }
    Ok(all)
}

/// `0001_accounts.sqlite.sql` is `0001_accounts`, for `sqlite`.
fn split_name(file: &str) -> (&str, &str) {
    let stem = file.strip_suffix(".sql").unwrap_or(file);
    match stem.rsplit_once('.') {
        Some((name, kind @ ("sqlite" | "postgres"))) => (name, kind),
        _ => (stem, ""),
    }
}

fn script(dialect: Dialect, texts: &HashMap<&str, &str>) -> Result<String, String> {
    match (texts.get(""), texts.get("sqlite"), texts.get("postgres"), dialect) {
        (Some(text), None, None, _) => portable::translate(text, dialect),
        (None, Some(text), Some(_), Dialect::Sqlite) | (None, Some(_), Some(text), Dialect::Postgres) => {
            Ok((*text).to_owned())
        }
        _ => Err("there must be either NAME.sql or both NAME.sqlite.sql and NAME.postgres.sql".to_owned()),
    }
}

fn checksum(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
