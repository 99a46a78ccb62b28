//! Whether the cache is as coherent as it says: three processes on PostgreSQL read and write the same rows while they are killed and
//! stopped, cut off and set back, and a checker looks at each read.
//!
//! `reads` were checked, `violations` of them showed what they may not. Reads of another process than the writer's may be late, by
//! `staleness` (2 s) at most: `late` is how many were, and `late_p50_ms`, `late_p99_ms` and `late_max_ms` by how much. `differences` are rows
//! about which cache and database do not agree in the end. `between` reads were made while an older state came back, and may show either.

mod eras;
mod faults;
mod history;
mod network;
mod node;
mod processes;
mod restore;
mod table;
mod verdict;
mod writer;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use harness::random::Random;
use tenfold::data::testing::TestDatabase;
use tenfold::data::{Clock, DatabaseSettings, Dialect};

use self::eras::judge_eras;
use self::faults::{FaultCounts, Faults};
use self::network::PoorNetwork;
use self::node::{NodePlan, end_of, open};
pub use self::processes::PROCESS;
use self::processes::{PROCESSES, Processes};
use self::restore::EVERYTHING;
use self::verdict::CoherenceVerdict;
use crate::options::Options;
use crate::place::PostgresServer;
use crate::report::{BenchReport, ReportRow, complain};

/// The bound that the cache promises, by its default.
const STALENESS: Duration = Duration::from_secs(2);
/// What a process takes to start, and in the end to fall quiet, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The defences that processes on a real database show to be needed. The others need a certain interleaving of threads, and
/// `cache/model.rs` takes them away: `FoundFirst`.
const GATE: [&str; 9] =
    ["Lease", "FlightStamp", "Fence", "Change", "Certificate", "Cascades", "Cursor", "Lists", EVERYTHING];

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
    counts: FaultCounts,
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
            .with("between", verdict.between)
            .with("kills", self.counts.kills)
            .with("stops", self.counts.stops)
            .with("cuts", self.counts.cuts)
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
        let until = database.clock().since_boot() + length;
        let plan = NodePlan {
            url: place.url().to_owned(),
            folder: folder.0.clone(),
            process: 0,
            seed,
            until: u64::try_from(until.as_micros())?,
        };
        let network = PoorNetwork::to(place.url(), seed)?;
        let mut processes = Processes { running: Vec::new(), started: 0, plan, without, network: &network };
        for _ in 0..PROCESSES {
            processes.start()?;
        }
        let mut faults = Faults {
            processes,
            database: &database,
            random: Random::new(seed),
            counts: FaultCounts::default(),
        };
        let restore = faults.go_on(length, until).await?;
        let Faults { mut processes, counts, .. } = faults;
        processes.wait_for_all(until + PATIENCE, database.clock()).await?;
        let last: Vec<u64> = processes.running.iter().map(|(process, _)| *process).collect();
        let (mut differences, mut hits) = (0, 0);
        for process in last {
            let end = end_of(&folder.0, process).context("a process has not come to its end")?;
            differences += end.differences;
            hits += end.hits;
        }
        let staleness = u64::try_from(STALENESS.as_micros())?;
        let verdict = judge_eras(processes.histories(&folder.0)?, &restore, staleness);
        database.close().await;
        Ok(CoherenceOutcome { verdict, differences, hits, counts })
    })
}
