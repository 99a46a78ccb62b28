//! Faults in simulated traffic, and whether `why` names them: which endpoint, which statement, for whom, since when, what changed.
//!
//! A row for each kind of fault and one for all. `endpoint`, `statement` and `cause` are shares of right first answers, `f1` that of the
//! organizations, `onset_s` the median by which the onset is missed. `day` counts false alarms in days without a fault.

mod live;

use std::path::PathBuf;

use ::incidents::{FAULTS, IncidentScore, RightOf, false_alarms, run_case};
use clap::Args;

use crate::options::Options;
use crate::place::{app, server_for};
use crate::report::{BenchReport, ReportRow, complain, micros, quantile};

/// What it takes besides.
#[derive(Args)]
pub struct IncidentArguments {
    /// How many faults, of all kinds in turns [default: 60, or 26 with --quick].
    #[arg(long)]
    cases: Option<u64>,
    /// Decides everything about them.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many days without a fault.
    #[arg(long, default_value_t = 1)]
    days: u64,
    /// Three faults in real processes instead, each in real time: it takes seven minutes for both databases.
    #[arg(long)]
    live: bool,
    /// A release build of the reference backend, instead of building it.
    #[arg(long)]
    ours: Option<PathBuf>,
}

/// Requests a second in a day without a fault.
const RATE: f64 = 10.0;

/// Injects the faults and scores the answers.
///
/// # Errors
/// When the reference backend of a live case cannot be run.
pub fn run(arguments: &IncidentArguments, options: &Options, report: &mut BenchReport) -> anyhow::Result<()> {
    if arguments.live {
        let program = arguments.ours.clone().map_or_else(app, Ok)?;
        let server = server_for(options.dialects())?;
        return live::run(&program, options.dialects(), server.as_ref(), report);
    }
    let cases = arguments.cases.unwrap_or(if options.quick { 26 } else { 60 });
    let mut all = IncidentScore::default();
    let mut of_kind: Vec<IncidentScore> = FAULTS.iter().map(|_| IncidentScore::default()).collect();
    for case in 0..cases {
        let seed = arguments.seed.wrapping_mul(1_000_003).wrapping_add(case);
        let turn = usize::try_from(case).unwrap_or_default() % FAULTS.len();
        let outcome = run_case(FAULTS[turn], seed);
        all.add(seed, &outcome);
        of_kind[turn].add(seed, &outcome);
    }
    for (kind, score) in FAULTS.iter().zip(&of_kind).filter(|(_, score)| score.endpoints.all > 0) {
        report.add(row(&format!("{kind:?}"), score));
    }
    report.add(row("all", &all));
    all.missed.iter().for_each(|miss| complain(miss));
    let alarms: Vec<String> =
        (0..arguments.days).flat_map(|day| false_alarms(arguments.seed.wrapping_add(day), RATE)).collect();
    alarms.iter().for_each(|alarm| complain(alarm));
    let days = ReportRow::without_database("incidents", "day").with("n", arguments.days);
    report.add(days.with("false_alarms", alarms.len()));
    Ok(())
}

fn row(case: &str, score: &IncidentScore) -> ReportRow {
    let took = |part| quantile(&score.took, part).map_or(0, micros);
    ReportRow::without_database("incidents", case)
        .with("n", score.endpoints.all)
        .with("endpoint", rounded(score.endpoints.share()))
        .with("statement", share(score.statements))
        .with("cause", share(score.causes))
        .with("f1", rounded(score.mean_f1()))
        .with("onset_s", score.median_onset_s())
        .with("median_us", took(0.5))
        .with("max_us", took(1.0))
}

/// A share, or nothing where nothing was asked.
fn share(of: RightOf) -> Option<f64> {
    (of.all > 0).then(|| rounded(of.share()))
}

fn rounded(share: f64) -> f64 {
    (share * 1_000.0).round() / 1_000.0
}
