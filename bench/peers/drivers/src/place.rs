//! The database that both sides use, each with the same settings.

use std::str::FromStr as _;
use std::sync::Arc;

use anyhow::Context as _;
use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use rusqlite::{Connection, OpenFlags};
use tenfold_data::{Clock, Database, DatabaseSettings, Dialect, Observer};
use tokio_postgres::NoTls;

/// The addresses of a database.
#[derive(Clone, clap::Args)]
pub struct DatabaseUrls {
    /// The database by hand: `sqlite:PATH` or `postgres://…`, the latter of a user whom row-level security leaves alone.
    #[arg(global = true, long, default_value = "")]
    url: String,
    /// The address for ours, as `database.url` takes it, where it is another.
    #[arg(global = true, long)]
    runtime_url: Option<String>,
    /// The address of the tables' owner, as `database.migrate_url` takes it.
    #[arg(global = true, long)]
    migrate_url: Option<String>,
}

impl DatabaseUrls {
    /// Which database it is.
    pub fn dialect(&self) -> Dialect {
        if self.url.starts_with("sqlite:") { Dialect::Sqlite } else { Dialect::Postgres }
    }

    /// Through tenfold-data, as the reference backend is set up.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn database(&self, observers: Vec<Arc<dyn Observer>>) -> anyhow::Result<Database> {
        let mut settings = DatabaseSettings::default();
        settings.postgres.migrate_url.clone_from(&self.migrate_url);
        let url = self.runtime_url.as_ref().unwrap_or(&self.url);
        Ok(Database::open(url, &settings, Clock::system(), observers)?)
    }

    /// By hand, with the settings that tenfold-data gives its connections.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn sqlite(&self) -> anyhow::Result<Connection> {
        let path = self.url.strip_prefix("sqlite:").context("not an SQLite file")?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        let settings = DatabaseSettings::default().sqlite;
        connection.execute_batch(&format!(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000; \
             PRAGMA foreign_keys = ON; PRAGMA cache_size = -{}; PRAGMA mmap_size = {};",
            settings.cache_bytes / 1024,
            settings.mmap_bytes
        ))?;
        connection.set_prepared_statement_cache_capacity(256);
        connection.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        rusqlite::vtab::array::load_module(&connection)?;
        Ok(connection)
    }

    /// By hand, a pool of so many connections.
    ///
    /// # Errors
    /// When the address cannot be read.
    pub fn pool(&self, size: usize) -> anyhow::Result<Pool> {
        let mut config = tokio_postgres::Config::from_str(&self.url)?;
        let settings = DatabaseSettings::default().postgres;
        config.options(format!(
            "-c statement_timeout={} -c idle_in_transaction_session_timeout={}",
            settings.statement_timeout.as_millis(),
            settings.idle_in_transaction_timeout.as_millis()
        ));
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        Ok(Pool::builder(Manager::from_config(config, NoTls, recycling)).max_size(size).build()?)
    }

    /// Lets the database count what stands in the tables, as one in production has.
    ///
    /// # Errors
    /// When it refuses.
    pub async fn analyze(&self) -> anyhow::Result<()> {
        match self.dialect() {
            Dialect::Sqlite => Ok(self.sqlite()?.execute_batch("ANALYZE")?),
            Dialect::Postgres => Ok(self.pool(1)?.get().await?.batch_execute("VACUUM ANALYZE").await?),
        }
    }
}
