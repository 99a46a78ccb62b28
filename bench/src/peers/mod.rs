//! Programs that do the same as ours with other means. They are built when they are needed, outside the workspace:
//! drivers of databases are nobody's dependency here but tenfold-data's, and two versions of one SQLite do not fit
//! into one graph of dependencies.

mod build;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use harness::process::block_on;
use serde_json::{Map, Value};
use tenfold::data::Dialect;
use tenfold::data::testing::TestDatabase;

use crate::options::Options;
use crate::place::PostgresServer;
use crate::report::{ReportRow, complain};

/// What the benchmarks with peers take.
#[derive(Args)]
pub struct PeerArguments {
    /// Fails when a peer cannot be built, instead of leaving it out.
    #[arg(long)]
    require_peers: bool,
}

/// How long a peer may take for all that it measures. Some do not end.
const PATIENCE: Duration = Duration::from_secs(300);

/// A program that measures, ready to be started.
pub struct Peer {
    command: Vec<PathBuf>,
    /// Whether it can do several things, and is told which; the others list.
    is_told: bool,
    /// Whether ours is in it, which runs as a role of its own on PostgreSQL.
    has_ours: bool,
}

/// What a peer says: the fields of one line.
pub type PeerLine = Map<String, Value>;

impl Peer {
    /// Ours beside the bare drivers, in one process.
    ///
    /// # Errors
    /// When it cannot be built: without it there is nothing to compare.
    pub fn drivers() -> anyhow::Result<Self> {
        Ok(Peer { command: vec![build::cargo("drivers", "peer-drivers")?], is_told: true, has_ours: true })
    }

    /// Counts the allocations of those.
    ///
    /// # Errors
    /// As [`Peer::drivers`].
    pub fn allocations() -> anyhow::Result<Self> {
        Ok(Peer {
            command: vec![build::cargo("drivers", "peer-allocations")?],
            is_told: true,
            has_ours: true,
        })
    }

    /// Routes of the reference backend by hand, which serves instead of measuring.
    ///
    /// # Errors
    /// As [`Peer::drivers`].
    pub fn door() -> anyhow::Result<PathBuf> {
        build::cargo_beside("door", "peer-door")
    }

    /// SeaORM and sqlx.
    pub fn seaorm(arguments: &PeerArguments) -> anyhow::Result<Option<Self>> {
        Peer::program(arguments, "seaorm", "peer-seaorm")
    }

    /// A program in Rust, in a workspace of its own in this folder.
    fn program(arguments: &PeerArguments, folder: &str, program: &str) -> anyhow::Result<Option<Self>> {
        let peer = |program: PathBuf| Peer { command: vec![program], is_told: true, has_ours: false };
        arguments.or_without(folder, build::cargo(folder, program).map(peer))
    }

    /// Drizzle.
    pub fn drizzle(arguments: &PeerArguments) -> anyhow::Result<Option<Self>> {
        let built = build::node("drizzle", "list.js");
        let peer = |folder: PathBuf| Peer {
            command: vec!["node".into(), folder.join("list.js")],
            is_told: false,
            has_ours: false,
        };
        arguments.or_without("drizzle", built.map(peer))
    }

    /// apalis.
    pub fn apalis(arguments: &PeerArguments) -> anyhow::Result<Option<Self>> {
        Peer::program(arguments, "apalis", "peer-apalis")
    }

    /// graphile-worker and pg-boss, which need a newer Node.js than many machines have; it is among their packages.
    pub fn queues(arguments: &PeerArguments) -> anyhow::Result<Option<Self>> {
        let built = build::node("queues", "jobs.js");
        let peer = |folder: PathBuf| Peer {
            command: vec![folder.join("node_modules/.bin/node"), folder.join("jobs.js")],
            is_told: true,
            has_ours: false,
        };
        arguments.or_without("graphile-worker and pg-boss", built.map(peer))
    }

    /// Django.
    pub fn django(arguments: &PeerArguments) -> anyhow::Result<Option<Self>> {
        let built = build::python("django");
        arguments.or_without("django", built.map(|command| Peer { command, is_told: false, has_ours: false }))
    }

    /// Lets it measure something on a database, and gives its lines. Code by hand and others' code come as the server's
    /// user, whom row-level security leaves alone; ours comes as the role that runs, and is held by it.
    ///
    /// # Errors
    /// When it fails.
    pub fn run(
        &self,
        what: &str,
        database: &TestDatabase,
        options: &Options,
    ) -> anyhow::Result<Vec<PeerLine>> {
        self.run_with(what, &[], database, options, PATIENCE)
    }

    /// The same with more arguments.
    ///
    /// # Errors
    /// When it fails.
    pub fn run_with(
        &self,
        what: &str,
        arguments: &[&str],
        database: &TestDatabase,
        options: &Options,
        patience: Duration,
    ) -> anyhow::Result<Vec<PeerLine>> {
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]);
        if self.is_told {
            command.args([what, "--url"]);
        }
        command.arg(database.superuser_url().unwrap_or_else(|| database.url().to_owned()));
        command.args(arguments).stderr(Stdio::inherit());
        if let Some(owner) = database.migrate_url().filter(|_| self.has_ours) {
            command.args(["--runtime-url", database.url(), "--migrate-url", owner]);
        }
        if options.quick {
            command.arg("--quick");
        }
        let output = block_on(async {
            let mut program = tokio::process::Command::from(command);
            let said = program.stdout(Stdio::piped()).kill_on_drop(true).spawn();
            let said = said.with_context(|| format!("{program:?} cannot be started"))?.wait_with_output();
            let said = tokio::time::timeout(patience, said).await;
            said.with_context(|| format!("{program:?} did not end within {patience:?}"))?
                .map_err(anyhow::Error::from)
        })?;
        anyhow::ensure!(output.status.success(), "{} {what} failed", self.command[0].display());
        let lines = String::from_utf8(output.stdout)?;
        lines.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }
}

impl PeerArguments {
    fn or_without(&self, name: &str, built: anyhow::Result<Peer>) -> anyhow::Result<Option<Peer>> {
        match built {
            Ok(peer) => Ok(Some(peer)),
            Err(error) if self.require_peers => Err(error.context(format!("{name} cannot be built"))),
            Err(error) => {
                complain(&format!("left out: {name} cannot be built: {error:#}"));
                Ok(None)
            }
        }
    }
}

/// A database with the tables and rows that every peer reads; gone when it is dropped.
///
/// # Errors
/// When the rows cannot be made.
pub fn prepare(
    drivers: &Peer,
    dialect: Dialect,
    server: Option<&PostgresServer>,
) -> anyhow::Result<TestDatabase> {
    let database = fresh_database(dialect, server);
    drivers.run("prepare", &database, &Options::default())?;
    Ok(database)
}

/// An empty database; gone when it is dropped.
pub fn fresh_database(dialect: Dialect, server: Option<&PostgresServer>) -> TestDatabase {
    block_on(async {
        match server {
            Some(server) if dialect == Dialect::Postgres => TestDatabase::create_on(server.url()).await,
            _ => TestDatabase::create(dialect).await,
        }
    })
}

/// The row of a line.
pub fn row(bench: &str, dialect: Dialect, line: &PeerLine) -> ReportRow {
    let case = line.get("case").and_then(Value::as_str).unwrap_or_default();
    let fields = line.iter().filter(|(field, _)| *field != "case");
    fields.fold(ReportRow::new(bench, dialect, case), |row, (field, value)| row.with(field, value.clone()))
}

/// A field that is a number.
pub fn number(line: &PeerLine, field: &str) -> f64 {
    line.get(field).and_then(Value::as_f64).unwrap_or_default()
}

/// Notes how often as much this is, with two digits.
pub fn put_ratio(line: &mut PeerLine, value: f64, to: f64) {
    put_ratio_as("ratio", line, value, to);
}

/// The same under another name.
pub fn put_ratio_as(field: &str, line: &mut PeerLine, value: f64, to: f64) {
    if to > 0.0 {
        line.insert(field.to_owned(), ((value / to * 100.0).round() / 100.0).into());
    }
}
