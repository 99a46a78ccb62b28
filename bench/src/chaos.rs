//! An independent ledger of 202s against effects, while processes are killed with `kill -9` at random moments.

use clap::Args;
use harness::chaos::{Plan, run as torment};
use harness::fleet::Layout;
use harness::verdict::Verdict;
use tenfold::data::{Clock, Dialect};

use crate::options::Options;
use crate::place::{app, place, server_for};
use crate::report::{Report, Row, complain, micros, quantile};

/// What only this benchmark takes.
#[derive(Args)]
pub struct Arguments {
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
}

/// Runs it on each database, with the worker inside the server and outside.
///
/// # Errors
/// When anything was lost, is there twice or was left behind.
pub fn run(arguments: &Arguments, options: &Options, report: &mut Report) -> anyhow::Result<()> {
    let program = app()?;
    let server = server_for(options.dialects())?;
    // The seed must only differ from run to run.
    let seed = arguments.seed.unwrap_or_else(|| Clock::system().now().as_microsecond().unsigned_abs());
    complain(&format!("chaos: --seed {seed}"));
    let quick = |full: usize, quick: usize| if options.quick { quick } else { full };
    let mut wrong = Vec::new();
    for dialect in options.dialects() {
        for layout in [Layout::Inside, Layout::Outside] {
            let plan = Plan {
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
    anyhow::ensure!(wrong.is_empty(), "broken promises:\n{}", wrong.concat());
    Ok(())
}

fn row(dialect: Dialect, plan: &Plan, verdict: &Verdict) -> Row {
    let row = Row::new("chaos", dialect, plan.layout.name())
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
    match (quantile(&verdict.recovery, 0.5), quantile(&verdict.recovery, 0.99)) {
        (Some(median), Some(p99)) => {
            row.with("recovery_median_ms", micros(median) / 1000).with("recovery_p99_ms", micros(p99) / 1000)
        }
        _ => row,
    }
}
