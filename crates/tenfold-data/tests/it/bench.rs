//! A database for each test: created before it, removed after it, even when it fails.

use std::path::PathBuf;
use std::sync::Arc;

use tenfold_data::testing::{TestDatabase, postgres_server};
use tenfold_data::{
    Clock, Context, Database, DatabaseSettings, Dialect, Observer, OrgId, Pooler, RepeatedRecord,
    StatementRecord, SystemContext, TransactionRecord, WaitRecord,
};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::NoTls;

use crate::ledger::StatementLedger;
use crate::{people, work};

/// A migrated database, one organization, and the ledger of its statements.
pub struct Bench {
    pub database: Database,
    pub org: OrgId,
    ledger: Arc<StatementLedger>,
    _lean: Lean,
    place: Arc<BenchDatabase>,
}

impl Bench {
    pub async fn sqlite() -> Self {
        Self::migrated(Arc::new(BenchDatabase::folder().await)).await
    }

    pub async fn postgres() -> Self {
        Self::migrated(Arc::new(BenchDatabase::server().await)).await
    }

    /// On PostgreSQL behind pgbouncer.
    pub async fn pooled() -> Self {
        Self::migrated(Arc::new(BenchDatabase(BenchDatabase::server().await.0.behind_pooler()))).await
    }

    async fn migrated(place: Arc<BenchDatabase>) -> Self {
        let bench = Self::over(place, &DatabaseSettings::default(), Clock::system());
        bench.database.migrate(&[people::MIGRATIONS, work::MIGRATIONS]).await.expect("the fixture migrates");
        bench
    }

    fn over(place: Arc<BenchDatabase>, settings: &DatabaseSettings, clock: Clock) -> Self {
        let ledger = Arc::new(StatementLedger::default());
        let observers: Vec<Arc<dyn Observer>> = vec![Arc::clone(&ledger) as Arc<dyn Observer>];
        let settings = place.settings(settings.clone());
        let database = Database::open(&place.url(), &settings, clock, observers);
        let database = database.expect("the address can be opened");
        let org = OrgId(database.clock().new_id());
        Bench { database, org, _lean: Lean(Arc::clone(&ledger)), ledger, place }
    }

    /// The same database as another process would open it, with settings of its own.
    pub fn reopened(&self, settings: &DatabaseSettings) -> Bench {
        self.reopened_at(settings, Clock::system())
    }

    /// The same with a clock of its own.
    pub fn reopened_at(&self, settings: &DatabaseSettings, clock: Clock) -> Bench {
        let place = Arc::clone(&self.place);
        Bench { org: self.org, ..Self::over(place, settings, clock) }
    }

    /// The address of the database.
    pub fn url(&self) -> String {
        self.place.url()
    }

    /// The address with the superuser, where there is one.
    pub fn superuser_url(&self) -> String {
        self.place.database().superuser_url().unwrap_or_else(|| self.url())
    }

    /// The SQLite file.
    pub fn file(&self) -> PathBuf {
        PathBuf::from(self.place.url().trim_start_matches("sqlite:"))
    }

    /// A connection to the same PostgreSQL database, outside the data layer, as the server's user.
    pub async fn onlooker(&self) -> tokio_postgres::Client {
        self.connect(&self.place.database().superuser_url().expect("PostgreSQL has one")).await
    }

    /// The same as the role that the application runs as.
    pub async fn as_runtime(&self) -> tokio_postgres::Client {
        self.connect(&self.place.database().direct_url()).await
    }

    /// The same as the role that owns the tables.
    pub async fn as_owner(&self) -> tokio_postgres::Client {
        self.connect(self.place.database().migrate_url().expect("PostgreSQL has one")).await
    }

    /// The test database itself.
    pub fn place(&self) -> &TestDatabase {
        self.place.database()
    }

    async fn connect(&self, url: &str) -> tokio_postgres::Client {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("it answers");
        #[expect(clippy::disallowed_methods, reason = "the connection is driven beside the test")]
        tokio::spawn(connection);
        client
    }

    /// Runs `work` as one request of the bench's organization.
    pub async fn request<T>(&self, work: impl AsyncFnOnce(Context) -> T) -> T {
        let org = self.org;
        self.system(async |system| work(system.within(org)).await).await
    }

    /// Runs `work` as one request that names no organization.
    pub async fn system<T>(&self, work: impl AsyncFnOnce(SystemContext) -> T) -> T {
        self.database.run(None, work).await
    }

    /// The statements since the last time.
    pub fn statements(&self) -> Vec<StatementRecord> {
        self.ledger.take()
    }

    /// The beginnings and ends of transactions since the last time.
    pub fn boundaries(&self) -> Vec<TransactionRecord> {
        self.ledger.take_boundaries()
    }

    /// The N+1s since the last time. The test fails if one is left.
    pub fn repeated(&self) -> Vec<RepeatedRecord> {
        self.ledger.take_repeated()
    }

    /// The transactions since the last time that waited for something other than the database. The test fails if one is
    /// left.
    pub fn waited(&self) -> Vec<WaitRecord> {
        self.ledger.take_waited()
    }
}

/// A single-threaded runtime, which runs only when it is driven: for tests that leave one.
pub fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("the operating system has what it needs")
}

/// Fails a test if a statement repeated, or a transaction waited for something other than the database.
struct Lean(Arc<StatementLedger>);

impl Drop for Lean {
    fn drop(&mut self) {
        let repeated = self.0.take_repeated();
        if let Some(first) = repeated.first().filter(|_| !std::thread::panicking()) {
            panic!("{first}");
        }
        if let Some(first) = self.0.take_waited().first().filter(|_| !std::thread::panicking()) {
            panic!("{first}");
        }
    }
}

/// As different from byte order as a server's collation may be.
const COLLATION: &str = "LOCALE_PROVIDER icu ICU_LOCALE 'en-US'";

/// The test's database. Dropping it removes the database.
pub struct BenchDatabase(TestDatabase);

impl BenchDatabase {
    pub async fn folder() -> Self {
        BenchDatabase(TestDatabase::create(Dialect::Sqlite).await)
    }

    pub async fn server() -> Self {
        BenchDatabase(TestDatabase::create_with(&postgres_server(), COLLATION).await)
    }

    fn database(&self) -> &TestDatabase {
        &self.0
    }

    /// The application's address. Commits do not wait for the disk: no test here simulates a power loss, and hundreds
    /// of tests share one disk.
    pub fn url(&self) -> String {
        // A pooler accepts no settings for a connection.
        if self.0.pooler() == Pooler::None { hasty(self.0.url()) } else { self.0.url().to_owned() }
    }

    fn settings(&self, settings: DatabaseSettings) -> DatabaseSettings {
        let mut settings = self.0.settings(settings);
        settings.postgres.migrate_url = settings.postgres.migrate_url.map(|url| hasty(&url));
        settings
    }
}

fn hasty(url: &str) -> String {
    match url.starts_with("postgres") {
        true => {
            format!("{url}{}options=-c%20synchronous_commit%3Doff", if url.contains('?') { '&' } else { '?' })
        }
        false => url.to_owned(),
    }
}
