//! Whether the cache is as coherent as it says: three processes on PostgreSQL read and write the same rows while they are killed and
//! stopped, and a checker looks at each read.
//!
//! `reads` were checked, `violations` of them showed what they may not. Reads of another process than the writer's may be late, by
//! `staleness` (2 s) at most: `late` is how many were, and `late_p50_ms`, `late_p99_ms` and `late_max_ms` by how much. `differences` are rows
//! about which cache and database do not agree in the end.

mod history;
mod node;
mod table;
mod verdict;
mod writer;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use harness::random::Random;
use tenfold::data::testing::TestDatabase;
use tenfold::data::{Clock, DatabaseSettings, Dialect};

use self::history::HistoryFiles;
use self::node::{NodePlan, READERS, end_of, open};
use self::verdict::{CoherenceVerdict, ProcessHistory, judge};
use crate::options::Options;
use crate::place::PostgresServer;
use crate::report::{BenchReport, ReportRow, complain};

/// The variable that makes this program one of the processes.
pub const PROCESS: &str = "BENCH_COHERENCE";
/// The variable that takes a defence away, in a program with the feature `defence-switches`.
const WITHOUT: &str = "TENFOLD_WITHOUT_DEFENCE";
/// The bound that the cache promises, by its default.
const STALENESS: Duration = Duration::from_secs(2);
const PROCESSES: usize = 3;
/// Nobody is killed or stopped in the last seconds.
const CALM: Duration = Duration::from_secs(5);
/// What a process takes to start, and in the end to fall quiet, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The defences that processes on a real database show to be needed. The others need a certain interleaving of threads, and
/// `cache/model.rs` takes them away: `FoundFirst`.
const GATE: [&str; 7] = ["Lease", "FlightStamp", "Fence", "Change", "Certificate", "Cascades", "Cursor"];

/// What only this benchmark takes.
#[derive(Args)]
pub struct CoherenceArguments {
    /// For how long [default: 60, 15 with --quick].
    #[arg(long)]
    seconds: Option<u64>,
    /// Repeats the choices of an earlier run; not its timing.
    #[arg(long)]
    seed: Option<u64>,
    /// Takes this defence away, and must then find a violation. Needs the feature `defence-switches`.
    #[arg(long)]
    without: Vec<String>,
    /// Takes each defence away in its turn. Needs the feature `defence-switches`.
    #[arg(long, conflicts_with = "without")]
    gate: bool,
}

/// Runs one of the processes.
///
/// # Errors
/// When it fails.
pub fn process(plan: &str) -> anyhow::Result<()> {
    node::run(&serde_json::from_str(plan)?)
}

/// Runs it on PostgreSQL.
///
/// # Errors
/// When a read showed what it may not, or none did without a defence.
pub fn run(
    arguments: &CoherenceArguments,
    options: &Options,
    report: &mut BenchReport,
) -> anyhow::Result<()> {
    let without: Vec<&str> = match arguments.gate {
        true => GATE.to_vec(),
        false => arguments.without.iter().map(String::as_str).collect(),
    };
    anyhow::ensure!(
        without.is_empty() || cfg!(feature = "defence-switches"),
        "to take a defence away, build with --features defence-switches"
    );
    for name in &without {
        anyhow::ensure!(GATE.contains(name), "{name} is no defence that can be taken away here: {GATE:?}");
    }
    // The seed must only differ from run to run.
    let seed = arguments.seed.unwrap_or_else(|| Clock::system().now().as_microsecond().unsigned_abs());
    let seconds = arguments.seconds.unwrap_or(if options.quick { 15 } else { 60 });
    complain(&format!("coherence: --seed {seed}"));
    let server = PostgresServer::find()?;
    let mut wrong = Vec::new();
    let cases: Vec<Option<&str>> =
        if without.is_empty() { vec![None] } else { without.into_iter().map(Some).collect() };
    for case in cases {
        let outcome = torment(&server, Duration::from_secs(seconds), seed, case)?;
        report.add(outcome.row(case));
        let is_wrong = outcome.verdict.violation_count + outcome.differences > 0;
        match case {
            None if is_wrong => wrong.extend(outcome.verdict.violations),
            Some(defence) if !is_wrong => wrong.push(format!("nothing is wrong without {defence}")),
            _ => {}
        }
    }
    anyhow::ensure!(wrong.is_empty(), "broken promises:\n{}", wrong.join("\n"));
    Ok(())
}

/// What a run has shown.
struct CoherenceOutcome {
    verdict: CoherenceVerdict,
    differences: u64,
    hits: u64,
    kills: u64,
    stops: u64,
}

impl CoherenceOutcome {
    fn row(&self, without: Option<&str>) -> ReportRow {
        let CoherenceOutcome { verdict, .. } = self;
        let late = |part: f64| {
            let rank = (verdict.lateness.len() as f64 * part).ceil() as usize;
            verdict.lateness.get(rank.saturating_sub(1)).map_or(0, |micros| micros / 1_000)
        };
        ReportRow::new("coherence", Dialect::Postgres, without.unwrap_or("whole"))
            .with("reads", verdict.reads)
            .with("violations", verdict.violation_count)
            .with("differences", self.differences)
            .with("late", verdict.lateness.len())
            .with("late_p50_ms", late(0.5))
            .with("late_p99_ms", late(0.99))
            .with("late_max_ms", late(1.0))
            .with("hits", self.hits)
            .with("writes", verdict.writes)
            .with("rolled_back", verdict.aborted)
            .with("unknown", verdict.unknown)
            .with("kills", self.kills)
            .with("stops", self.stops)
    }
}

/// A folder that goes with this.
struct HistoryFolder(PathBuf);

impl Drop for HistoryFolder {
    fn drop(&mut self) {
        // What cannot be removed does no harm in a temporary folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The processes that run, and how many were started.
struct Processes<'a> {
    running: Vec<(u64, Child)>,
    started: u64,
    plan: NodePlan,
    without: Option<&'a str>,
}

impl Drop for Processes<'_> {
    fn drop(&mut self) {
        for (_, child) in &mut self.running {
            // One that has ended cannot be killed.
            let _ = child.kill().and_then(|()| child.wait().map(drop));
        }
    }
}

impl Processes<'_> {
    fn start(&mut self) -> anyhow::Result<()> {
        self.started += 1;
        let process = self.started;
        let plan = NodePlan { process, seed: self.plan.seed + process, ..self.plan.clone() };
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("serve").env(PROCESS, serde_json::to_string(&plan)?).stdin(Stdio::null());
        command.env_remove(WITHOUT).envs(self.without.map(|defence| (WITHOUT, defence)));
        self.running.push((process, command.spawn()?));
        Ok(())
    }

    fn signal(&self, place: usize, signal: &str) -> anyhow::Result<()> {
        let (_, child) = self.running.get(place).context("it runs")?;
        let sent = Command::new("kill").arg(format!("-{signal}")).arg(child.id().to_string()).status()?;
        anyhow::ensure!(sent.success(), "a process cannot be sent {signal}: it has ended");
        Ok(())
    }

    /// Kills one as a crash would, and starts another.
    fn replace(&mut self, place: usize) -> anyhow::Result<()> {
        let (_, mut child) = self.running.remove(place);
        child.kill()?;
        child.wait()?;
        self.start()
    }
}

fn torment(
    server: &PostgresServer,
    length: Duration,
    seed: u64,
    without: Option<&str>,
) -> anyhow::Result<CoherenceOutcome> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let folder = std::env::temp_dir().join(format!("tenfold_coherence_{}_{seed}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let folder = HistoryFolder(folder);
    runtime.block_on(async {
        let place = TestDatabase::create_on(server.url()).await;
        // Its tables belong to another role than the one of the processes.
        let database = open(place.url(), &place.settings(DatabaseSettings::default())).await?;
        writer::seed(&database).await?;
        database.close().await;
        let clock = Clock::system();
        let until = clock.since_boot() + length;
        let plan = NodePlan {
            url: place.url().to_owned(),
            folder: folder.0.clone(),
            process: 0,
            seed,
            until: u64::try_from(until.as_micros())?,
        };
        let mut processes = Processes { running: Vec::new(), started: 0, plan, without };
        for _ in 0..PROCESSES {
            processes.start()?;
        }
        let (mut random, mut kills, mut stops) = (Random::new(seed), 0, 0);
        loop {
            tokio::time::sleep(Duration::from_millis(1_000 + random.below(2_000))).await;
            let stopped = Duration::from_millis(500 + random.below(3_500));
            if clock.since_boot() + stopped + CALM > until {
                break;
            }
            let victim = usize::try_from(random.below(PROCESSES as u64))?;
            if random.below(3) == 0 {
                processes.replace(victim)?;
                kills += 1;
            } else {
                processes.signal(victim, "STOP")?;
                tokio::time::sleep(stopped).await;
                processes.signal(victim, "CONT")?;
                stops += 1;
            }
        }
        wait_for_all(&mut processes, until + PATIENCE, &clock).await?;
        let last: Vec<u64> = processes.running.iter().map(|(process, _)| *process).collect();
        let (mut differences, mut hits) = (0, 0);
        for process in last {
            let end = end_of(&folder.0, process).context("a process has not come to its end")?;
            differences += end.differences;
            hits += end.hits;
        }
        let histories = histories(&folder.0, processes.started)?;
        let verdict = judge(&histories, u64::try_from(STALENESS.as_micros())?);
        Ok(CoherenceOutcome { verdict, differences, hits, kills, stops })
    })
}

async fn wait_for_all(processes: &mut Processes<'_>, until: Duration, clock: &Clock) -> anyhow::Result<()> {
    for (_, child) in &mut processes.running {
        loop {
            if let Some(status) = child.try_wait()? {
                anyhow::ensure!(status.success(), "a process has failed: {status}");
                break;
            }
            anyhow::ensure!(clock.since_boot() < until, "a process does not end");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    Ok(())
}

/// One that was killed while it started has left nothing.
fn histories(folder: &Path, started: u64) -> anyhow::Result<Vec<ProcessHistory>> {
    let mut all = Vec::new();
    for process in 1..=started {
        let files = HistoryFiles::of(folder, process);
        if !files.has_begun(READERS) {
            all.push(ProcessHistory { writes: Vec::new(), reads: Vec::new() });
            continue;
        }
        all.push(ProcessHistory { writes: files.all_writes()?, reads: files.all_reads(READERS)? });
    }
    Ok(all)
}
