//! Faults in a real process, under real traffic, and its answer in real time.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use harness::Deployment;
use harness::process::{Process, let_pass};
use serde_json::Value;
use tenfold::data::{Clock, Dialect, Timestamp};

use crate::place::PostgresServer;
use crate::report::{BenchReport, ReportRow, complain};

/// How long all is well.
const BEFORE: Duration = Duration::from_secs(45);
/// When the question comes after the fault.
const ASKED_AFTER: Duration = Duration::from_secs(18);
/// Requests a second, of all operations.
const RATE: &str = "40";
const TRAFFIC: &str = "75s";

/// What goes wrong.
#[derive(Clone, Copy)]
enum LiveFault {
    /// Nothing does.
    Nothing,
    /// Another program holds locks, again and again.
    Lock,
    /// Somebody renames a table.
    Table,
}

impl LiveFault {
    const ALL: [LiveFault; 3] = [LiveFault::Nothing, LiveFault::Lock, LiveFault::Table];

    fn name(self) -> &'static str {
        match self {
            LiveFault::Nothing => "live_nothing",
            LiveFault::Lock => "live_lock",
            LiveFault::Table => "live_table",
        }
    }

    /// Whether an answer says so.
    fn is_named_by(self, answer: &Value) -> bool {
        let first = |list: &str| answer[list][0]["what"].as_str().unwrap_or_default();
        match self {
            LiveFault::Nothing => answer["since"].is_null(),
            LiveFault::Lock => first("waits").contains("lock"),
            LiveFault::Table => {
                answer["endpoints"][0]["errors"].as_u64() > Some(0)
                    && first("changes").contains("projects_labels")
            }
        }
    }

    /// The program that causes it, which ends by itself.
    fn cause(self, place: &Deployment) -> Option<Command> {
        let sqlite = |script: &str| {
            let mut command = Command::new("python3");
            let file = place.url_from_outside().trim_start_matches("sqlite:").to_owned();
            command.args(["-c", script, &file]);
            command
        };
        let postgres = |text: &str, times: usize| {
            let mut command = Command::new("psql");
            command.args(["--no-psqlrc", "--quiet", &format!("--dbname={}", place.superuser_url())]);
            (0..times).for_each(|_| {
                command.args(["--command", text]);
            });
            command
        };
        match (self, place.dialect()) {
            (LiveFault::Nothing, _) => None,
            (LiveFault::Lock, Dialect::Sqlite) => Some(sqlite(HOLD)),
            (LiveFault::Lock, Dialect::Postgres) => {
                Some(postgres("LOCK TABLE projects_tasks IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(1.2)", 15))
            }
            (LiveFault::Table, Dialect::Sqlite) => Some(sqlite(RENAME)),
            (LiveFault::Table, Dialect::Postgres) => {
                Some(postgres("ALTER TABLE projects_labels RENAME TO projects_labels_of_old", 1))
            }
        }
    }
}

/// Holds SQLite's lock for most of 20 seconds.
const HOLD: &str = "
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
end = time.time() + 20
while time.time() < end:
    connection.execute('BEGIN IMMEDIATE')
    time.sleep(1.2)
    connection.execute('COMMIT')
    time.sleep(0.1)
";
/// An SQLite that is older than the application's does not understand all of its triggers, so it may not look at them.
const RENAME: &str = "
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=30)
connection.execute('PRAGMA legacy_alter_table = ON')
connection.execute('ALTER TABLE projects_labels RENAME TO projects_labels_of_old')
connection.commit()
";

/// Each fault, on each database, in a process of its own.
///
/// # Errors
/// When the backend, psql or python3 cannot be run.
pub fn run(
    program: &Path,
    dialects: &[Dialect],
    server: Option<&PostgresServer>,
    report: &mut BenchReport,
) -> anyhow::Result<()> {
    for dialect in dialects {
        for fault in LiveFault::ALL {
            let place = crate::place::place(program, *dialect, server);
            let process = place.app(&["serve", "--demo"]).env("TENFOLD_LOG__FILTER", "error").start();
            let target = format!("http://{}", process.address());
            let load = ["load", "--rate", RATE, "--duration", TRAFFIC, "--target", &target];
            let traffic = place.other(program, &load).spawn();
            let_pass(BEFORE);
            let began = Clock::system().now();
            let cause = fault.cause(&place).map(|mut command| {
                command
                    .stdin(Stdio::null())
                    .stdout(Stdio::null())
                    .spawn()
                    .context("psql or python3 cannot be run")
            });
            let cause = cause.transpose()?.map(Causing);
            let_pass(ASKED_AFTER);
            let answer = ask(&place, program, &target)?;
            cause.map(|mut cause| cause.check()).transpose()?;
            drop(traffic);
            report.add(row(*dialect, fault, began, &answer, &process));
        }
    }
    Ok(())
}

fn row(dialect: Dialect, fault: LiveFault, began: Timestamp, answer: &Value, process: &Process) -> ReportRow {
    let is_right = fault.is_named_by(answer);
    let verdict = answer["verdict"].as_str().unwrap_or_default().to_owned();
    if !is_right {
        complain(&format!("{}: {answer:#}", fault.name()));
    }
    let since: Option<Timestamp> = answer["since"].as_str().and_then(|since| since.parse().ok());
    let missed = since.map(|since| (since.as_second() - began.as_second()).abs());
    ReportRow::new("incidents", dialect, fault.name())
        .with("right", is_right)
        .with("onset_s", missed)
        .with("confidence", answer["confidence"].clone())
        .with("rss_mib", process.memory("VmRSS") >> 20)
        .with("verdict", verdict)
}

fn ask(place: &Deployment, program: &Path, target: &str) -> anyhow::Result<Value> {
    let asking = place.other(program, &["why", "--json", "--at", target]);
    let finished = asking.env("TENFOLD_CONSOLE__PASSWORD", "tenfold-demo").finish();
    serde_json::from_str(&finished.out)
        .with_context(|| format!("app why gives no answer: {}{}", finished.out, finished.err))
}

/// The program that causes a fault; it is ended when this is dropped.
struct Causing(Child);

impl Causing {
    /// Fails if it has ended without success.
    fn check(&mut self) -> anyhow::Result<()> {
        if let Some(status) = self.0.try_wait()? {
            anyhow::ensure!(status.success(), "what causes the fault has ended with {status}");
        }
        Ok(())
    }
}

impl Drop for Causing {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
