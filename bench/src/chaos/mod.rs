//! An independent ledger of 202s against effects: uploads while processes are killed with `kill -9` at random moments, and
//! jobs under each of the other faults.

mod application;
mod faults;
mod ledger;
mod run;

use std::time::Duration;

use clap::{Args, ValueEnum as _};
use harness::chaos::{Plan, UploadFault, run as torment};
use harness::fleet::Layout;
use harness::verdict::Verdict;
use tenfold::data::{Clock, Dialect};

pub use self::application::{APPLICATION, application};
use self::faults::ChaosFault;
use crate::options::Options;
use crate::place::{PostgresServer, app, place, server_for};
use crate::report::{BenchReport, ReportRow, complain, micros, quantile};

/// What only this benchmark takes.
#[derive(Args)]
pub struct ChaosArguments {
    /// Repeats the moments and the bytes of an earlier run.
    #[arg(long)]
    seed: Option<u64>,
    /// Uploads that must be acknowledged [default: 200, 40 with --quick].
    #[arg(long)]
    uploads: Option<usize>,
    /// How often somebody is killed [default: 20, 4 with --quick].
    #[arg(long)]
    kills: Option<usize>,
    /// Damages the outcome before it is judged, to show that the verdict notices.
    #[arg(long, hide = true)]
    sabotage: bool,
    /// Only jobs under these faults; otherwise uploads first, then jobs under all faults.
    #[arg(long)]
    fault: Vec<ChaosFault>,
    /// Only uploads.
    #[arg(long, conflicts_with = "fault")]
    only_uploads: bool,
}

/// Runs it on each database.
///
/// # Errors
/// When anything was lost, is there twice or was left behind.
pub fn run(arguments: &ChaosArguments, options: &Options, report: &mut BenchReport) -> anyhow::Result<()> {
    // The seed must only differ from run to run.
    let seed = arguments.seed.unwrap_or_else(|| Clock::system().now().as_microsecond().unsigned_abs());
    complain(&format!("chaos: --seed {seed}"));
    let mut wrong = Vec::new();
    if arguments.fault.is_empty() {
        wrong.extend(uploads(arguments, options, seed, report)?);
    }
    if !arguments.only_uploads {
        wrong.extend(jobs(arguments, options, seed, report)?);
    }
    anyhow::ensure!(wrong.is_empty(), "broken promises:\n{}", wrong.concat());
    Ok(())
}

/// Jobs under each fault.
fn jobs(
    arguments: &ChaosArguments,
    options: &Options,
    seed: u64,
    report: &mut BenchReport,
) -> anyhow::Result<Vec<String>> {
    let program = std::env::current_exe()?;
    // One of its own, which may be crashed.
    let server = options.dialects().contains(&Dialect::Postgres).then(PostgresServer::start).transpose()?;
    let all: Vec<_> = ChaosFault::value_variants().to_vec();
    let faults = if arguments.fault.is_empty() { &all } else { &arguments.fault };
    let mut wrong = Vec::new();
    for dialect in options.dialects() {
        for fault in faults.iter().filter(|fault| fault.fits(*dialect)) {
            let place = place(&program, *dialect, server.as_ref());
            let mut plan = run::FaultPlan::of(*fault, seed, options.quick);
            plan.sabotage = arguments.sabotage;
            let outcome = run::torment_jobs(&place, &plan, server.as_ref())?;
            report.add(outcome.row(*dialect, &plan));
            if !outcome.is_clean(*fault) {
                wrong.push(format!("{dialect:?}, {}: see its row\n", fault.name()));
            }
        }
    }
    Ok(wrong)
}

/// Uploads under kills, with the worker inside the server and outside.
fn uploads(
    arguments: &ChaosArguments,
    options: &Options,
    seed: u64,
    report: &mut BenchReport,
) -> anyhow::Result<Vec<String>> {
    let program = app()?;
    let server = server_for(options.dialects())?;
    let quick = |full: usize, quick: usize| if options.quick { quick } else { full };
    let mut wrong = Vec::new();
    for dialect in options.dialects() {
        for layout in [Layout::Inside, Layout::Outside] {
            let plan = Plan {
                fault: UploadFault::Kills,
                uploads: arguments.uploads.unwrap_or(quick(200, 40)),
                kills: arguments.kills.unwrap_or(quick(20, 4)),
                clients: 8,
                seed,
                layout,
                sabotage: arguments.sabotage,
            };
            let verdict = torment(&place(&program, *dialect, server.as_ref()), plan);
            report.add(row(*dialect, &plan, &verdict));
            if !verdict.is_clean() {
                wrong.push(format!("{dialect:?}, {}:\n{}", layout.name(), verdict.complaints()));
            }
        }
    }
    Ok(wrong)
}

fn row(dialect: Dialect, plan: &Plan, verdict: &Verdict) -> ReportRow {
    let row = ReportRow::new("chaos", dialect, plan.layout.name())
        .with("kills", plan.kills)
        .with("accepted", verdict.accepted)
        .with("effected", verdict.effected)
        .with("lost", verdict.lost.len())
        .with("duplicated", verdict.duplicated.len())
        .with("strays", verdict.strays.len())
        .with("unanswered", verdict.unanswered)
        .with("repeated", verdict.repeated)
        .with("most_repeated", verdict.most_repeated)
        .with("caught", verdict.recovery.len());
    with_recovery(row, &verdict.recovery)
}

fn with_recovery(row: ReportRow, times: &[Duration]) -> ReportRow {
    match (quantile(times, 0.5), quantile(times, 0.99)) {
        (Some(median), Some(p99)) => {
            row.with("recovery_median_ms", micros(median) / 1000).with("recovery_p99_ms", micros(p99) / 1000)
        }
        _ => row,
    }
}
