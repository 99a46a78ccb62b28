//! Migrations: each module's ordered SQL files, with their own history and checksums.
//!
//! One portable text serves both databases (`portable.rs`). Where it cannot, `NAME.sqlite.sql` and `NAME.postgres.sql`
//! stand side by side. Only one runner works at a time. A file that has run must not change.

pub(crate) mod cascades;
mod concurrently;
mod files;
mod known;
mod owned;
mod portable;
mod rls;
mod run;
mod search;
pub(crate) mod statistics;
mod told;

use std::collections::{BTreeMap, HashMap};
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use self::files::{checksum, script, split_name};
pub use self::rls::{Holds, RowLevelSecurity};
use self::run::run;
use crate::clock::Timestamp;
use crate::database::Database;
use crate::driver::postgres::Postgres;
use crate::driver::{Driver, DriverError, DriverTransaction, Pooler, PostgresSettings};
use crate::error::{DataError, Source};
use crate::statement::Dialect;
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
    /// The module's name. Tenfold's own crates share the name `tenfold`, and add the name of their set after a dot, which is logged
    /// and not recorded.
    pub module: &'static str,
    /// Its files, in any order.
    pub files: &'static [MigrationFile],
}

/// A migration and whether it has run.
#[derive(Clone, Debug)]
pub struct MigrationStatus {
    /// The module's name.
    pub module: &'static str,
    /// The file's name without its extensions.
    pub name: String,
    /// Whether it has run on this database.
    pub applied: bool,
}

/// How often a migration that cannot get its locks is retried, on PostgreSQL.
const LOCK_ATTEMPTS: u32 = 5;

/// The pause before a retry, in which the statements that queued up behind the migration can run.
const LOCK_PAUSE: Duration = Duration::from_secs(1);

/// The lock that runners on one PostgreSQL database share: "tenfold" in ASCII. It is polled. A statement that waited
/// for it would hold a snapshot, and an index build of the other runner would wait for that snapshot.
const RUNNER_LOCK: &str = "SELECT 'mine' WHERE pg_try_advisory_xact_lock(x'74656e666f6c64'::bigint)";

/// How often the lock is polled.
const RUNNER_PAUSE: Duration = Duration::from_millis(50);

const HISTORY: &str = "CREATE TABLE IF NOT EXISTS tenfold_migrations (module text NOT NULL, name text NOT NULL, \
                       checksum text NOT NULL, applied_at timestamptz NOT NULL, PRIMARY KEY (module, name));";

/// One migration, prepared for one database.
struct Migration {
    module: &'static str,
    /// The module with the name of its set, for the log.
    set: &'static str,
    name: String,
    checksum: String,
    script: Script,
}

/// What a migration runs.
enum Script {
    /// In one transaction with its history record.
    Inside(String),
    /// Index by index, outside any transaction.
    Indexes(Vec<concurrently::ConcurrentIndex>),
}

/// The migration runner. On PostgreSQL it acts as the owner, which may be another role than the application's.
struct Runner<'a> {
    database: &'a Database,
    owner: Option<Postgres>,
    /// The role that is granted what the application needs.
    runtime_role: String,
}

impl Database {
    /// Runs the migrations that this database does not have yet, module by module in the given order.
    ///
    /// Returns how many ran.
    ///
    /// # Errors
    /// [`DataError::Migration`] names the file: its text is not portable, it changed after it ran, it could not get a
    /// lock, or the database refuses a statement. Migrations that ran before it stay.
    pub async fn migrate(&self, modules: &[ModuleMigrations]) -> Result<usize, DataError> {
        let migrations = read(self.dialect(), modules)?;
        let failed = |error: DriverError| error.at("migrations.begin", Location::caller());
        let runner = Runner::of(self).await?;
        if !runner.may_migrate().await.map_err(failed)? {
            self.refuse_pending(modules, &runner.runtime_role).await?;
            return self.learn_schema().await.map(|()| 0);
        }
        let mut ran = 0;
        for migration in &migrations {
            let mut attempt = 1;
            ran += loop {
                match runner.apply(migration).await {
                    Ok(applied) => break usize::from(applied),
                    Err(DriverError::Locked(_)) if attempt < LOCK_ATTEMPTS => {
                        attempt += 1;
                        tracing::warn!(
                            module = migration.set,
                            migration = migration.name,
                            "a lock could not be had in time; those behind it go first, then it is tried again"
                        );
                        tokio::time::sleep(LOCK_PAUSE).await;
                    }
                    Err(error) => return Err(migration.failed(error)),
                }
            };
        }
        runner.raise_rls().await.map_err(failed)?;
        statistics::seed_if_missing(self).await?;
        self.learn_schema().await?;
        Ok(ran)
    }

    /// Reads what the rest of the data layer must know of the schema.
    pub(crate) async fn learn_schema(&self) -> Result<(), DataError> {
        self.learn_owned_tables().await?;
        self.learn_known_tables().await?;
        self.learn_cascades().await?;
        self.learn_searched_tables().await
    }

    /// Which migrations have run. Nothing is written.
    ///
    /// # Errors
    /// As [`Database::migrate`].
    pub async fn migration_status(
        &self,
        modules: &[ModuleMigrations],
    ) -> Result<Vec<MigrationStatus>, DataError> {
        let migrations = read(self.dialect(), modules)?;
        let failed = |error: DriverError| error.at("migrations.status", Location::caller());
        let transaction = self.driver().begin(None, None).await.map_err(failed)?;
        let history = match self.dialect() {
            Dialect::Sqlite => "SELECT name FROM sqlite_schema WHERE name = 'tenfold_migrations'",
            Dialect::Postgres => {
                "SELECT to_regclass('tenfold_migrations')::text WHERE \
                                  to_regclass('tenfold_migrations') IS NOT NULL"
            }
        };
        let history = run(&*transaction, "migrations.history", history, &[]).await.map_err(failed)?;
        let mut status = Vec::new();
        for migration in migrations {
            let applied =
                !history.is_empty() && migration.recorded(&*transaction).await.map_err(failed)?.is_some();
            status.push(MigrationStatus { module: migration.module, name: migration.name, applied });
        }
        Ok(status)
    }

    /// For a role that may not migrate: it can start only when no migrations are pending.
    async fn refuse_pending(&self, modules: &[ModuleMigrations], role: &str) -> Result<(), DataError> {
        let status = self.migration_status(modules).await?;
        let pending: Vec<_> = status.iter().filter(|migration| !migration.applied).collect();
        let Some(first) = pending.first() else { return Ok(()) };
        Err(DataError::Migration(format!(
            "{} migrations have not run, {}/{} the first, and the role {role} of database.url owns no tables: run \
             `migrate up` with the owner's address in database.migrate_url",
            pending.len(),
            first.module,
            first.name
        )))
    }
}

/// The status of all migrations for a database that does not exist yet, so that it need not be created to ask.
///
/// # Errors
/// As [`Database::migrate`].
pub fn status_of_nothing(
    dialect: Dialect,
    modules: &[ModuleMigrations],
) -> Result<Vec<MigrationStatus>, DataError> {
    let pending = |migration: Migration| MigrationStatus {
        module: migration.module,
        name: migration.name,
        applied: false,
    };
    Ok(read(dialect, modules)?.into_iter().map(pending).collect())
}

impl<'a> Runner<'a> {
    async fn of(database: &'a Database) -> Result<Self, DataError> {
        if database.dialect() == Dialect::Sqlite {
            return Ok(Runner { database, owner: None, runtime_role: String::new() });
        }
        let owner = match &database.migrating().migrate_url {
            Some(url) => {
                // One connection for the guard and one that builds indexes. The owner's address leads directly to the
                // server.
                let few = PostgresSettings {
                    pool_size: 2,
                    lanes: 1,
                    pooler: Pooler::None,
                    ..database.migrating().clone()
                };
                Some(Postgres::new("database.migrate_url", url, &few)?)
            }
            None => None,
        };
        let who = async {
            let transaction = database.driver().begin(None, None).await?;
            run(&*transaction, "migrations.role", "SELECT current_user::text", &[]).await
        };
        let role = who.await.map_err(|error| error.at("migrations.role", Location::caller()))?;
        Ok(Runner { database, owner, runtime_role: role.concat() })
    }

    fn driver(&self) -> &dyn Driver {
        self.owner.as_ref().map_or(self.database.driver(), |owner| owner)
    }

    fn dialect(&self) -> Dialect {
        self.database.dialect()
    }

    /// Whether the role may create tables, and owns the existing ones.
    async fn may_migrate(&self) -> Result<bool, DriverError> {
        if self.owner.is_some() || self.dialect() == Dialect::Sqlite {
            return Ok(true);
        }
        let transaction = self.driver().begin(None, None).await?;
        let text = "SELECT 'yes' WHERE has_schema_privilege(current_schema(), 'CREATE') AND NOT EXISTS \
                    (SELECT 1 FROM pg_class WHERE oid = to_regclass('tenfold_migrations') \
                     AND NOT pg_has_role(relowner, 'USAGE'))";
        Ok(!run(&*transaction, "migrations.rights", text, &[]).await?.is_empty())
    }

    /// Begins a transaction that excludes other runners, limits the wait for locks, and creates the history table if
    /// missing.
    async fn begin(&self) -> Result<Arc<dyn DriverTransaction>, DriverError> {
        let transaction = loop {
            let transaction = self.driver().begin(None, None).await?;
            if self.dialect() == Dialect::Sqlite
                || !run(&*transaction, "migrations.lock", RUNNER_LOCK, &[]).await?.is_empty()
            {
                break transaction;
            }
            drop(transaction);
            tokio::time::sleep(RUNNER_PAUSE).await;
        };
        if self.dialect() == Dialect::Postgres {
            // The runner lock is awaited as long as another runner needs it. A table's lock is not, because statements
            // that queue behind this migration would wait as well.
            let patience = self.database.migrating().migrate_lock_timeout.as_millis();
            let bounds = format!("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '{patience}ms'");
            transaction.script(&bounds).await?;
        }
        let history = portable::translate(HISTORY, self.dialect())
            .map_err(|why| DriverError::Other(Source::new(why)))?;
        transaction.script(&history).await?;
        Ok(transaction)
    }

    /// Runs one migration if it has not run. Returns whether it did.
    async fn apply(&self, migration: &Migration) -> Result<bool, DriverError> {
        let transaction = self.begin().await?;
        if let Some(checksum) = migration.recorded(&*transaction).await? {
            if checksum == migration.checksum {
                return transaction.commit().await.map(|()| false);
            }
            return Err(DriverError::Other(Source::new(
                "the file was changed after it had run here: restore it, and put the change into a new file",
            )));
        }
        match &migration.script {
            Script::Inside(script) => transaction.script(script).await?,
            Script::Indexes(indexes) => concurrently::build(self.driver(), &*transaction, indexes).await?,
        }
        rls::raise(self.dialect(), &*transaction, &self.runtime_role).await?;
        statistics::seed(self.dialect(), &*transaction).await?;
        migration.record(&*transaction, self.database.clock().now()).await?;
        if migration.may_change_rows() {
            told::tell(&*transaction, self.database).await?;
        }
        tracing::info!(module = migration.set, migration = migration.name, "migration applied");
        transaction.commit().await.map(|()| true)
    }

    /// For tables that were created before there was row-level security, and for a new application role.
    async fn raise_rls(&self) -> Result<(), DriverError> {
        if self.dialect() == Dialect::Sqlite {
            return Ok(());
        }
        let transaction = self.begin().await?;
        rls::raise(self.dialect(), &*transaction, &self.runtime_role).await?;
        transaction.commit().await
    }
}

impl Migration {
    /// Whether it may change rows or foreign keys of an application's tables.
    fn may_change_rows(&self) -> bool {
        matches!(self.script, Script::Inside(_)) && self.module != "tenfold"
    }

    /// The checksum in the history, if the migration has run.
    async fn recorded(&self, transaction: &dyn DriverTransaction) -> Result<Option<String>, DriverError> {
        let params = [Value::Text(self.module.to_owned()), Value::Text(self.name.clone())];
        let text = "SELECT checksum FROM tenfold_migrations WHERE module = $1 AND name = $2";
        Ok(run(transaction, "migrations.recorded", text, &params).await?.pop())
    }

    async fn record(
        &self,
        transaction: &dyn DriverTransaction,
        applied_at: Timestamp,
    ) -> Result<(), DriverError> {
        let text = |text: &str| Value::Text(text.to_owned());
        let params = [text(self.module), text(&self.name), text(&self.checksum), Value::Time(applied_at)];
        let text =
            "INSERT INTO tenfold_migrations (module, name, checksum, applied_at) VALUES ($1, $2, $3, $4)";
        run(transaction, "migrations.record", text, &params).await.map(|_| ())
    }

    fn failed(&self, error: DriverError) -> DataError {
        let reason = match error {
            // A cause that the file has no influence on.
            DriverError::Unavailable(source) => return DataError::Unavailable(source),
            DriverError::Overloaded(what) => return DataError::Overloaded { what },
            DriverError::Constraint(constraint) => constraint.to_string(),
            DriverError::Locked(source) | DriverError::Other(source) => source.to_string(),
            other => format!("{other:?}"),
        };
        DataError::Migration(format!("migration {} of module {}: {reason}", self.name, self.module))
    }
}

/// Sorts the files of each module, and prepares their texts for one database.
fn read(dialect: Dialect, modules: &[ModuleMigrations]) -> Result<Vec<Migration>, DataError> {
    let mut all = Vec::new();
    for module in modules {
        let mut by_name: BTreeMap<&str, HashMap<&str, &str>> = BTreeMap::new();
        for file in module.files {
            let (name, kind) = split_name(file.name);
            by_name.entry(name).or_default().insert(kind, file.text);
        }
        for (name, texts) in by_name {
            let script = script(dialect, &texts).and_then(|text| Script::new(dialect, text));
            let script = script.map_err(|why| {
                DataError::Migration(format!("migration {name} of module {}: {why}", module.module))
            })?;
            // The checksum is of the author's text, so that a better translation does not count as a change of the
            // file.
            let own = if dialect == Dialect::Sqlite { "sqlite" } else { "postgres" };
            let written = texts.get("").or_else(|| texts.get(own)).copied().unwrap_or_default();
            let checksum = checksum(written);
            let set = module.module;
            let module = set.split_once('.').map_or(set, |(module, _)| module);
            all.push(Migration { module, set, name: name.to_owned(), checksum, script });
        }
    }
    Ok(all)
}

impl Script {
    fn new(dialect: Dialect, text: String) -> Result<Self, String> {
        if dialect == Dialect::Sqlite || text.lines().next() != Some(concurrently::MARK) {
            return Ok(Script::Inside(text));
        }
        Ok(Script::Indexes(concurrently::indexes(&portable::statements(&text)?)?))
    }
}
