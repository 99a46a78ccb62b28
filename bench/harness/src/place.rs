//! Where processes run: an empty working directory and an empty database.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use tenfold::data::testing::TestDatabase;
use tenfold::data::{Dialect, Pooler};

use crate::process::{Launch, block_on};

/// A program, a fresh folder with a working directory for its processes, and the address of an empty database.
pub struct Deployment {
    program: PathBuf,
    folder: PathBuf,
    /// The value for `database.url`.
    pub url: String,
    dialect: Dialect,
    /// Dropped with the place; none for SQLite, whose file is in the folder.
    database: Option<TestDatabase>,
}

impl Deployment {
    /// With an SQLite file in the working directory, which does not exist yet.
    pub fn sqlite(program: &Path) -> Self {
        Deployment {
            program: program.to_owned(),
            folder: fresh_folder(),
            url: "sqlite:data/app.db".to_owned(),
            dialect: Dialect::Sqlite,
            database: None,
        }
    }

    /// With a PostgreSQL database of its own, on the test server.
    pub fn postgres(program: &Path) -> Self {
        Deployment::with(program, block_on(TestDatabase::create(Dialect::Postgres)))
    }

    /// The same, behind the test server's pgbouncer.
    pub fn pooled(program: &Path) -> Self {
        Deployment::with(program, block_on(TestDatabase::create(Dialect::Postgres)).behind_pooler())
    }

    /// With a PostgreSQL database of its own, on the server with this address.
    pub fn postgres_on(program: &Path, server: &str) -> Self {
        Deployment::with(program, block_on(TestDatabase::create_on(server)))
    }

    fn with(program: &Path, database: TestDatabase) -> Self {
        Deployment {
            program: program.to_owned(),
            folder: fresh_folder(),
            url: database.url().to_owned(),
            dialect: Dialect::Postgres,
            database: Some(database),
        }
    }

    /// The URL of the database for a reader outside the processes, whose working directory differs.
    pub fn url_from_outside(&self) -> String {
        match self.url.strip_prefix("sqlite:") {
            Some(path) => format!("sqlite:{}", self.work().join(path).display()),
            None => self.url.clone(),
        }
    }

    /// The value for `database.migrate_url`; empty for SQLite.
    pub fn migrate_url(&self) -> &str {
        self.database.as_ref().and_then(TestDatabase::migrate_url).unwrap_or_default()
    }

    /// The URL of the database for the server's superuser; empty for SQLite.
    pub fn superuser_url(&self) -> String {
        self.database.as_ref().and_then(TestDatabase::superuser_url).unwrap_or_default()
    }

    /// Ends all connections to the place's database, but the one that does it.
    ///
    /// # Panics
    /// When PostgreSQL refuses it, when there is no psql, or for SQLite, which has no connections.
    pub fn end_connections(&self) {
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";
        let url = format!("--dbname={}", self.superuser_url());
        let psql = Command::new("psql").args(["--no-psqlrc", "--quiet", &url, "--command", end]).output();
        let ended = psql.expect("psql can be run: install PostgreSQL's client");
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    }

    /// The value for `database.pooler`.
    pub fn pooler(&self) -> &'static str {
        let pooler = self.database.as_ref().map_or(Pooler::None, TestDatabase::pooler);
        if pooler == Pooler::Transaction { "transaction" } else { "none" }
    }

    /// The working directory of the processes.
    pub fn work(&self) -> PathBuf {
        self.folder.join("work")
    }

    /// Which database it has.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Writes a file into the working directory.
    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.work().join(name), text).expect("the place can be written");
    }

    /// Whether no process has left a file in the working directory.
    pub fn is_untouched(&self) -> bool {
        std::fs::read_dir(self.work()).expect("the place can be read").next().is_none()
    }

    /// The application with this database, on a free port of loopback.
    pub fn app(&self, arguments: &[&str]) -> Launch {
        self.app_of(&self.program, arguments)
    }

    /// Another program that serves an application with this database, on a free port of loopback.
    pub fn app_of(&self, program: &Path, arguments: &[&str]) -> Launch {
        self.other(program, arguments)
            .env("TENFOLD_DATABASE__URL", &self.url)
            .env("TENFOLD_DATABASE__MIGRATE_URL", self.migrate_url())
            .env("TENFOLD_DATABASE__POOLER", self.pooler())
            .env("TENFOLD_HTTP__LISTEN", "127.0.0.1:0")
    }

    /// Another program in the same working directory, with an empty environment.
    pub fn other(&self, program: &Path, arguments: &[&str]) -> Launch {
        Launch::new(program, &self.folder, &self.work(), arguments)
    }

    /// The application with its defaults and an empty environment.
    pub fn bare(&self, arguments: &[&str]) -> Launch {
        Launch::new(&self.program, &self.folder, &self.work(), arguments)
    }
}

impl Drop for Deployment {
    fn drop(&mut self) {
        // It is in the temporary folder: a leftover is harmless.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn fresh_folder() -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let name = format!("tenfold_place_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    let folder: &Path = &std::env::temp_dir().join(name);
    std::fs::create_dir_all(folder.join("work")).expect("the temporary folder can be written");
    folder.to_owned()
}
