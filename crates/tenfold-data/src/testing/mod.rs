//! For tests: an empty database for each test, SQLite or PostgreSQL, which is removed when dropped; and two checks of
//! the statements that ran on it: their [`plans`], and the tables they touch, [`rights`].

pub mod plans;
pub mod rights;
mod server;

use std::path::PathBuf;
use std::str::FromStr as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio_postgres::{Client, Config, NoTls};

pub use self::server::postgres_server;
use crate::database::DatabaseSettings;
use crate::driver::Pooler;
use crate::statement::Dialect;

/// The variable with the address of the PostgreSQL server. Its user must be able to create databases. Without it the
/// tests start a server, see [`postgres_server`].
pub const POSTGRES_VARIABLE: &str = "TENFOLD_TEST_POSTGRES";

/// The variable with the address of the pgbouncer in front of that server, as `postgres://HOST:PORT`.
pub const POOLER_VARIABLE: &str = "TENFOLD_TEST_PGBOUNCER";

/// If this variable is set, to any value, every PostgreSQL database is reached through the pooler.
pub const THROUGH_POOLER_VARIABLE: &str = "TENFOLD_TEST_THROUGH_PGBOUNCER";

/// An empty database for one test.
pub struct TestDatabase {
    url: String,
    kind: TestStorage,
    pooler: Pooler,
}

enum TestStorage {
    /// A folder, to be removed.
    Sqlite(PathBuf),
    /// A database to be dropped, by its name on a server.
    Postgres { server: String, name: String, owner: String },
}

/// In tests, how long a transaction may stay open, unless a test is about that. Longer than a busy machine stands still: the
/// default limit would fail every test whose transaction is open at that moment.
pub const PATIENT_TRANSACTION_LIMIT: Duration = Duration::from_secs(30);

/// The same for the time to get a connection to PostgreSQL, and to open one.
pub const PATIENT_CONNECT_TIMEOUT: Duration = Duration::from_secs(60);

/// The role that owns the tables of every test's database.
const OWNER: &str = "tenfold_test_owner";

/// The role that applications under test run as. It owns nothing, so every test shows that it needs no more.
const RUNTIME: &str = "tenfold_test_runtime";

impl TestDatabase {
    /// Creates one.
    ///
    /// # Panics
    /// When it cannot be created. For PostgreSQL also when there is no server, as [`postgres_server`] says.
    pub async fn create(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Sqlite => {
                let folder = std::env::temp_dir().join(fresh_name());
                std::fs::create_dir_all(&folder).expect("the temporary folder can be written");
                let url = format!("sqlite:{}", folder.join("test.db").display());
                TestDatabase { url, kind: TestStorage::Sqlite(folder), pooler: Pooler::None }
            }
            Dialect::Postgres => TestDatabase::create_on(&postgres_server()).await,
        }
    }

    /// Creates one on the PostgreSQL server with this address.
    ///
    /// # Panics
    /// When it cannot be created.
    pub async fn create_on(server: &str) -> Self {
        TestDatabase::create_with(server, "ENCODING 'UTF8'").await
    }

    /// Creates one on that server with options of `CREATE DATABASE`, such as a locale.
    ///
    /// # Panics
    /// When it cannot be created.
    pub async fn create_with(server: &str, options: &str) -> Self {
        let name = fresh_name();
        for role in [OWNER, RUNTIME] {
            // Tests of several processes start at the same time, and roles belong to the whole server.
            execute(
                server,
                &format!(
                    "DO $$ BEGIN CREATE ROLE {role} LOGIN;
                     EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
                ),
            )
            .await;
        }
        execute(server, &format!("CREATE DATABASE {name} TEMPLATE template0 OWNER {OWNER} {options}")).await;
        let address = with_database(server, &name);
        let (url, owner) = (with_role(&address, RUNTIME), with_role(&address, OWNER));
        let kind = TestStorage::Postgres { server: server.to_owned(), name, owner };
        let made = TestDatabase { url, kind, pooler: Pooler::None };
        if std::env::var_os(THROUGH_POOLER_VARIABLE).is_some() { made.behind_pooler() } else { made }
    }

    /// The same database, reached through the pgbouncer in [`POOLER_VARIABLE`]. SQLite has none.
    ///
    /// # Panics
    /// When the variable is not set.
    pub fn behind_pooler(mut self) -> Self {
        if let TestStorage::Postgres { name, .. } = &self.kind {
            let pooler = std::env::var(POOLER_VARIABLE).unwrap_or_else(|_| {
                panic!("{POOLER_VARIABLE} is not set: run ./test, which starts a pgbouncer for the tests")
            });
            self.url = with_role(&with_database(&pooler, name), RUNTIME);
            self.pooler = Pooler::Transaction;
        }
        self
    }

    /// The pooler that its address leads through.
    pub fn pooler(&self) -> Pooler {
        self.pooler
    }

    /// The address with the role that migrates, as in `database.migrate_url`. SQLite has none.
    pub fn migrate_url(&self) -> Option<&str> {
        match &self.kind {
            TestStorage::Sqlite(_) => None,
            TestStorage::Postgres { owner, .. } => Some(owner),
        }
    }

    /// The address with the application's role, without any pooler.
    pub fn direct_url(&self) -> String {
        self.superuser_url().map_or_else(|| self.url.clone(), |url| with_role(&url, RUNTIME))
    }

    /// The address with the server's superuser. SQLite has none.
    pub fn superuser_url(&self) -> Option<String> {
        match &self.kind {
            TestStorage::Sqlite(_) => None,
            TestStorage::Postgres { server, name, .. } => Some(with_database(server, name)),
        }
    }

    /// Adds to `settings` what is needed to open this database as its applications do. A default time limit becomes the
    /// patient one.
    pub fn settings(&self, mut settings: DatabaseSettings) -> DatabaseSettings {
        let default = DatabaseSettings::default();
        let be_patient = |limit: &mut Duration, default: Duration, patient| {
            if *limit == default {
                *limit = patient;
            }
        };
        be_patient(&mut settings.transaction_limit, default.transaction_limit, PATIENT_TRANSACTION_LIMIT);
        let (postgres, default) = (&mut settings.postgres, default.postgres);
        be_patient(&mut postgres.acquire_timeout, default.acquire_timeout, PATIENT_CONNECT_TIMEOUT);
        be_patient(&mut postgres.connect_timeout, default.connect_timeout, PATIENT_CONNECT_TIMEOUT);
        settings.postgres.migrate_url = self.migrate_url().map(str::to_owned);
        settings.postgres.pooler = self.pooler;
        settings
    }

    /// Its address, as in `database.url`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The folder that is removed with it, for files of the test. PostgreSQL has none.
    pub fn folder(&self) -> Option<&std::path::Path> {
        match &self.kind {
            TestStorage::Sqlite(folder) => Some(folder),
            TestStorage::Postgres { .. } => None,
        }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        match &self.kind {
            TestStorage::Sqlite(folder) => {
                // A leftover file is in the temporary folder and harmless.
                let _ = std::fs::remove_dir_all(folder);
            }
            TestStorage::Postgres { server, name, .. } => {
                let (server, drop_it) =
                    (server.clone(), format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
                // On a separate thread, because a runtime may not block inside another.
                let dropping = std::thread::spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                    if let Ok(runtime) = runtime {
                        runtime.block_on(execute(&server, &drop_it));
                    }
                });
                let _ = dropping.join();
            }
        }
    }
}

/// A name that no other test uses.
fn fresh_name() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("tenfold_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// `postgres://user@host:port/other?options` with another database's name.
fn with_database(server: &str, name: &str) -> String {
    let (address, options) =
        server.split_once('?').map_or((server, None), |(left, right)| (left, Some(right)));
    let scheme = address.find("://").map_or(0, |index| index + 3);
    let host = address[scheme..].find('/').map_or(address, |slash| &address[..scheme + slash]);
    options.map_or_else(|| format!("{host}/{name}"), |options| format!("{host}/{name}?{options}"))
}

/// The same address for another role, without a password.
fn with_role(address: &str, role: &str) -> String {
    let (scheme, rest) = address.split_once("://").unwrap_or(("postgres", address));
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let host = rest[..end].rsplit_once('@').map_or(&rest[..end], |(_, host)| host);
    format!("{scheme}://{role}@{host}{}", &rest[end..])
}

async fn execute(server: &str, sql: &str) {
    let executed = connected(server, async |client| client.batch_execute(sql).await).await;
    executed.expect("the tests' user may create and drop databases");
}

/// Runs `work` on a PostgreSQL connection of its own, which is closed afterwards.
async fn connected<T>(
    url: &str,
    work: impl AsyncFnOnce(&Client) -> Result<T, tokio_postgres::Error>,
) -> Result<T, tokio_postgres::Error> {
    let config = Config::from_str(url).expect("a database of the tests has a PostgreSQL address");
    let (client, connection) =
        config.connect(NoTls).await.expect("the PostgreSQL server of the tests answers");
    let working = async move {
        let result = work(&client).await;
        drop(client);
        result
    };
    // The connection closes when the client is dropped.
    let (result, _ended) = tokio::join!(working, connection);
    result
}
