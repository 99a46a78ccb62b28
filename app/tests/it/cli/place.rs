//! Where a process of a test runs: an empty working directory and an empty database.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use tenfold::data::Dialect;
use tenfold::data::testing::TestDatabase;

use super::process::Launch;

/// A fresh folder with a working directory in it, and the address of an empty database.
pub(crate) struct Place {
    folder: PathBuf,
    /// What `database.url` is to be.
    pub url: String,
    dialect: Dialect,
    /// Dropped with the place; an SQLite file lies in the folder instead.
    _database: Option<TestDatabase>,
}

impl Place {
    /// With an SQLite file that is not there yet, in the working directory.
    pub fn sqlite() -> Self {
        Place {
            folder: fresh_folder(),
            url: "sqlite:data/app.db".to_owned(),
            dialect: Dialect::Sqlite,
            _database: None,
        }
    }

    /// With a PostgreSQL database of its own.
    pub fn postgres() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let database = runtime.expect("a runtime starts").block_on(TestDatabase::create(Dialect::Postgres));
        Place {
            folder: fresh_folder(),
            url: database.url().to_owned(),
            dialect: Dialect::Postgres,
            _database: Some(database),
        }
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

    /// Whether no process has left anything in the working directory.
    pub fn is_untouched(&self) -> bool {
        std::fs::read_dir(self.work()).expect("the place can be read").next().is_none()
    }

    /// The application with this database, on a free port of loopback.
    pub fn app(&self, arguments: &[&str]) -> Launch {
        self.bare(arguments)
            .env("TENFOLD_DATABASE__URL", &self.url)
            .env("TENFOLD_HTTP__LISTEN", "127.0.0.1:0")
    }

    /// The application with its defaults and nothing in the environment.
    pub fn bare(&self, arguments: &[&str]) -> Launch {
        Launch::new(&self.folder, &self.work(), arguments)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What stays behind is in the temporary folder and harmless.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn fresh_folder() -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let name = format!("tenfold_cli_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    let folder: &Path = &std::env::temp_dir().join(name);
    std::fs::create_dir_all(folder.join("work")).expect("the temporary folder can be written");
    folder.to_owned()
}
