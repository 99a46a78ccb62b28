//! The application's database: where it is, how much it may use, who is told of its statements.

mod settings;

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::time::Instant;

pub use self::settings::{DatabaseSettings, FeedSettings};
use crate::cache::{CacheFigures, RowCache};
use crate::cascades::Cascades;
use crate::clock::Clock;
use crate::driver::postgres::Postgres;
use crate::driver::sqlite::Sqlite;
use crate::driver::{Driver, PostgresSettings};
use crate::error::DataError;
use crate::feed::hub::Hub;
use crate::known_tables::KnownTables;
use crate::owned_tables::OwnedTables;
use crate::pressure::PressureGauge;
use crate::searched_tables::SearchedTables;
use crate::statement::{Dialect, Observer};
use crate::under_way::CallsUnderWay;

/// A database; cheap to clone.
#[derive(Clone)]
pub struct Database(Arc<DatabaseInner>);

/// A database that does not stay open for this.
pub(crate) struct WeakDatabase(Weak<DatabaseInner>);

impl WeakDatabase {
    pub(crate) fn upgrade(&self) -> Option<Database> {
        self.0.upgrade().map(Database)
    }
}

struct DatabaseInner {
    driver: Box<dyn Driver>,
    shared: Arc<DatabaseShared>,
}

/// What is the same for all connections of a process to the database.
struct DatabaseShared {
    clock: Clock,
    observers: Vec<Arc<dyn Observer>>,
    wants_callers: bool,
    max_rows: usize,
    cohort_size: usize,
    request_cache: usize,
    n_plus_one_threshold: u32,
    transaction_limit: Duration,
    feed: FeedSettings,
    migrating: PostgresSettings,
    owned: OwnedTables,
    known: KnownTables,
    searched: SearchedTables,
    hub: Arc<Hub>,
    cascades: Cascades,
    companions: Mutex<HashMap<TypeId, Companion>>,
    pressure: PressureGauge,
    under_way: Arc<CallsUnderWay>,
}

/// What a layer above keeps with the database, its type forgotten.
type Companion = Arc<dyn Any + Send + Sync>;

impl Database {
    /// Opens `sqlite:PATH` or prepares to connect to `postgres://…`.
    ///
    /// # Errors
    /// [`DataError::Settings`] for an address that is neither, [`DataError::Unavailable`] for a file that
    /// cannot be used. PostgreSQL is first reached by [`Database::ping`] or the first statement.
    pub fn open(
        url: &str,
        settings: &DatabaseSettings,
        clock: Clock,
        observers: Vec<Arc<dyn Observer>>,
    ) -> Result<Self, DataError> {
        let driver = open_driver(url, settings)?;
        let shared = Arc::new(DatabaseShared {
            clock,
            wants_callers: observers.iter().any(|observer| observer.wants_callers()),
            observers,
            max_rows: settings.max_rows,
            migrating: settings.postgres.clone(),
            owned: OwnedTables::default(),
            known: KnownTables::default(),
            searched: SearchedTables::default(),
            hub: Arc::new(Hub::new(RowCache::new(&settings.cache))),
            cascades: Cascades::default(),
            companions: Mutex::default(),
            pressure: PressureGauge::default(),
            under_way: Arc::default(),
            n_plus_one_threshold: settings.n_plus_one_threshold,
            transaction_limit: settings.transaction_limit,
            feed: settings.feed.clone(),
            cohort_size: settings.cohort_size.max(1),
            // A list's peers are asked for together, and all of them must be remembered.
            request_cache: settings.request_cache.max(settings.cohort_size),
        });
        Ok(Database(Arc::new(DatabaseInner { driver, shared })))
    }

    /// The same database over a few connections of its own: it does not wait for those of `self`, nor for the threads that they
    /// belong to. Clock, feed, cache and what is known of tables are the same. `url` and `settings` are those of
    /// [`Database::open`].
    ///
    /// # Errors
    /// As [`Database::open`].
    pub fn aside(&self, url: &str, settings: &DatabaseSettings) -> Result<Self, DataError> {
        let mut few = settings.clone();
        few.sqlite.reader_threads = 1;
        few.sqlite.cache_bytes = few.sqlite.cache_bytes.min(1 << 20);
        few.postgres.pool_size = few.postgres.pool_size.min(2);
        few.postgres.lanes = 1;
        let (driver, shared) = (open_driver(url, &few)?, Arc::clone(&self.0.shared));
        Ok(Database(Arc::new(DatabaseInner { driver, shared })))
    }

    /// Closes the connections that [`Database::aside`] has opened.
    pub async fn close_aside(&self) {
        self.0.driver.close().await;
    }

    /// Whether the address names an SQLite file that is not there, which [`Database::open`] would make.
    pub fn is_missing(url: &str) -> bool {
        let Ok(DatabaseAddress::Sqlite(path)) = DatabaseAddress::parse(url) else { return false };
        // Any other error, a path that leads through a file for one, is for whoever opens it to tell.
        path.metadata().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
    }

    /// Which database it is.
    pub fn dialect(&self) -> Dialect {
        self.0.driver.dialect()
    }

    /// The clock that gives contexts their time and ids.
    pub fn clock(&self) -> &Clock {
        &self.0.shared.clock
    }

    /// How busy the process is; contexts show it to handlers and jobs.
    pub fn pressure_gauge(&self) -> &PressureGauge {
        &self.0.shared.pressure
    }

    /// Whether the database answers, within about two seconds.
    ///
    /// # Errors
    /// [`DataError::Unavailable`] and what else the driver says.
    pub async fn ping(&self) -> Result<(), DataError> {
        self.0.driver.ping().await.map_err(|error| error.at("database.ping", Location::caller()))
    }

    /// Whether the database takes a write until the deadline; it changes nothing. On SQLite also whether the file is still the
    /// one that was opened.
    ///
    /// # Errors
    /// [`DataError::Unavailable`], [`DataError::Deadline`] and what else the driver says.
    pub async fn try_write(&self, deadline: Instant) -> Result<(), DataError> {
        let tried = self.0.driver.try_write(deadline).await;
        tried.map_err(|error| error.at("database.try_write", Location::caller()))
    }

    /// Whether the database could run a text of SQL, which is not run; says how many parameters it has. For the test
    /// that checks the texts of `sql!`.
    ///
    /// # Errors
    /// [`DataError::Statement`] with what is wrong about it.
    pub async fn check(&self, name: &str, text: &str) -> Result<usize, DataError> {
        self.0.driver.check(text).await.map_err(|error| error.at(name, Location::caller()))
    }

    /// Ends background work, after the last transaction is acknowledged.
    pub async fn close(&self) {
        self.0.shared.hub.stop().await;
        self.0.driver.close().await;
    }

    /// What a layer above this one keeps with the database: one value of each type, made when it is first asked for. The
    /// jobs keep the known kinds here, so that a transaction can refuse an unknown one.
    #[doc(hidden)]
    pub fn companion<T: Any + Send + Sync + Default>(&self) -> Arc<T> {
        let mut companions = self.0.shared.companions.lock().unwrap_or_else(PoisonError::into_inner);
        let found = companions.entry(TypeId::of::<T>()).or_insert_with(|| Arc::new(T::default()));
        // The key is the value's type, so it is never another one.
        Arc::clone(found).downcast().unwrap_or_default()
    }

    /// For how long rows may be served that another process has changed; zero without a cache.
    pub fn staleness(&self) -> Duration {
        self.0.shared.hub.cache().map(|cache| cache.staleness()).unwrap_or_default()
    }

    /// What the cache of rows holds and has done; all zero without a cache.
    pub fn cache_figures(&self) -> CacheFigures {
        self.0
            .shared
            .hub
            .cache()
            .map(|cache| cache.figures(self.0.shared.clock.since_boot()))
            .unwrap_or_default()
    }

    /// Forgets all rows that this process keeps.
    pub fn clear_cache(&self) {
        self.0.shared.hub.cache().into_iter().for_each(|cache| cache.clear());
    }

    pub(crate) fn driver(&self) -> &dyn Driver {
        &*self.0.driver
    }

    pub(crate) fn observers(&self) -> &[Arc<dyn Observer>] {
        &self.0.shared.observers
    }

    /// Whether somebody wants to know which lines led to an N+1.
    pub(crate) fn wants_callers(&self) -> bool {
        self.0.shared.wants_callers
    }

    pub(crate) fn n_plus_one_threshold(&self) -> u32 {
        self.0.shared.n_plus_one_threshold
    }

    pub(crate) fn transaction_limit(&self) -> Duration {
        self.0.shared.transaction_limit
    }

    /// How to migrate a PostgreSQL database.
    pub(crate) fn migrating(&self) -> &PostgresSettings {
        &self.0.shared.migrating
    }

    /// The search indexes that the database has.
    pub(crate) fn searched(&self) -> &SearchedTables {
        &self.0.shared.searched
    }

    pub(crate) fn downgrade(&self) -> WeakDatabase {
        WeakDatabase(Arc::downgrade(&self.0))
    }

    pub(crate) fn feed_settings(&self) -> &FeedSettings {
        &self.0.shared.feed
    }

    /// The feed's part.
    pub(crate) fn hub(&self) -> &Arc<Hub> {
        &self.0.shared.hub
    }

    /// The rows that this process keeps, if it keeps any.
    pub(crate) fn cache(&self) -> Option<&Arc<RowCache>> {
        self.0.shared.hub.cache()
    }

    /// What a delete in a table reaches, as the migrations left it.
    pub(crate) fn cascades(&self) -> &Cascades {
        &self.0.shared.cascades
    }

    /// The tables that keep rows of organizations, as the migrations left them.
    pub(crate) fn owned(&self) -> &OwnedTables {
        &self.0.shared.owned
    }

    /// What was sent to it and has no answer yet.
    pub fn calls_under_way(&self) -> &Arc<CallsUnderWay> {
        &self.0.shared.under_way
    }

    /// The names of all tables, as the migrations left them.
    pub(crate) fn known_tables(&self) -> &KnownTables {
        &self.0.shared.known
    }

    pub(crate) fn max_rows(&self) -> usize {
        self.0.shared.max_rows
    }

    pub(crate) fn cohort_size(&self) -> usize {
        self.0.shared.cohort_size
    }

    pub(crate) fn request_cache(&self) -> usize {
        self.0.shared.request_cache
    }
}

#[track_caller]
fn open_driver(url: &str, settings: &DatabaseSettings) -> Result<Box<dyn Driver>, DataError> {
    let driver: Box<dyn Driver> = match DatabaseAddress::parse(url)? {
        DatabaseAddress::Sqlite(path) => {
            let opened = Sqlite::open(path, &settings.sqlite);
            Box::new(opened.map_err(|error| error.at("database.open", Location::caller()))?)
        }
        DatabaseAddress::Postgres(url) => Box::new(Postgres::new("database.url", &url, &settings.postgres)?),
    };
    Ok(driver)
}

enum DatabaseAddress {
    Sqlite(PathBuf),
    Postgres(String),
}

impl DatabaseAddress {
    fn parse(url: &str) -> Result<Self, DataError> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() || path.contains('?') || path == ":memory:" {
                return Err(DataError::Settings(
                    "database.url: sqlite: wants the path of a file, such as sqlite:data/app.db".to_owned(),
                ));
            }
            return Ok(DatabaseAddress::Sqlite(Path::new(path).to_owned()));
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(DatabaseAddress::Postgres(url.to_owned()));
        }
        // The address may hold a password, and without a scheme be one, so only a scheme is shown.
        let scheme = url.split_once("://").filter(|(scheme, _)| scheme.len() < 20);
        let begins = scheme.map_or_else(String::new, |(scheme, _)| format!(" begins with {scheme:?}: it"));
        Err(DataError::Settings(format!(
            "database.url{begins} must be sqlite:PATH or postgres://USER@HOST/DATABASE"
        )))
    }
}
