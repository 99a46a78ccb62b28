//! Where a benchmark runs its processes: the program, and a PostgreSQL that waits for the disk.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Context as _;
use harness::Deployment;
use tenfold::data::Dialect;

/// The variables that name a PostgreSQL server to use instead of a throw-away one, the first that is set.
const SERVERS: [&str; 2] = ["TENFOLD_BENCH_POSTGRES", "TENFOLD_TEST_POSTGRES"];

/// A PostgreSQL server; one that was started for this is stopped when it is dropped.
pub struct PostgresServer {
    url: String,
    folder: Option<PathBuf>,
}

impl PostgresServer {
    /// The one that the environment names, or a throw-away one with `fsync = on`, since a benchmark of durability
    /// without it measures nothing.
    ///
    /// # Errors
    /// When none can be started.
    pub fn find() -> anyhow::Result<Self> {
        if let Some(url) = SERVERS.iter().find_map(|name| std::env::var(name).ok()) {
            return Ok(PostgresServer { url, folder: None });
        }
        PostgresServer::start()
    }

    /// A throw-away one, which may be crashed.
    ///
    /// # Errors
    /// When none can be started.
    pub fn start() -> anyhow::Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("tenfold_bench_{}_{number}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let mut server = PostgresServer { url: String::new(), folder: Some(folder.clone()) };
        let started = script("start", &folder)
            .env("TENFOLD_POSTGRES_FSYNC", "on")
            .output()
            .context(".ci/provision-postgres cannot be run")?;
        anyhow::ensure!(started.status.success(), "no PostgreSQL could be started");
        server.url = String::from_utf8(started.stdout)?.trim().to_owned();
        Ok(server)
    }

    /// Ends one that [`PostgresServer::start`] has started as a power cut would, and starts it again under the same address.
    ///
    /// # Errors
    /// When it does not start again, or is not ours to crash.
    pub fn crash(&self) -> anyhow::Result<()> {
        let folder = self.folder.as_ref().context("this PostgreSQL was not started here")?;
        anyhow::ensure!(script("crash", folder).status()?.success(), "PostgreSQL did not start again");
        Ok(())
    }

    /// Its address; the user may create databases.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        let Some(folder) = &self.folder else { return };
        // It is a throw-away server in a temporary folder: what cannot be stopped or removed does no harm.
        let _ = script("stop", folder).status();
        let _ = std::fs::remove_dir_all(folder);
    }
}

fn script(what: &str, folder: &Path) -> Command {
    let mut command = Command::new(root().join(".ci/provision-postgres"));
    command.arg(what).arg(folder).stderr(Stdio::inherit());
    command
}

/// The workspace that this was built from.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// An empty place for a program, on a database.
pub fn place(program: &Path, dialect: Dialect, server: Option<&PostgresServer>) -> Deployment {
    match server {
        Some(server) if dialect == Dialect::Postgres => Deployment::postgres_on(program, &server.url),
        _ => Deployment::sqlite(program),
    }
}

/// A server if one of the databases needs one.
///
/// # Errors
/// As [`PostgresServer::find`].
pub fn server_for(dialects: &[Dialect]) -> anyhow::Result<Option<PostgresServer>> {
    dialects.contains(&Dialect::Postgres).then(PostgresServer::find).transpose()
}

/// Builds the reference backend as this program was built, and says where it is.
///
/// # Errors
/// When it cannot be built.
pub fn app() -> anyhow::Result<PathBuf> {
    let here = std::env::current_exe()?;
    let folder = here.parent().context("a program lies in a folder")?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "--package", "app"]).current_dir(root());
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    anyhow::ensure!(build.status()?.success(), "the reference backend cannot be built");
    Ok(folder.join("app"))
}
