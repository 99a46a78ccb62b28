//! Benchmarks that one process measures by itself, its cases in turns.
//!
//! `writes`: small transactions (a row inserted, a row changed, a job enqueued) of 1, 16 and 64 writers; `ratio`
//! compares rates with `commit_each`, the same statements with a COMMIT for each transaction.
//!
//! `telemetry`: requests with and without metrics and telemetry that hear of every statement; `ratio` compares
//! rates with `unheard`.

use crate::options::Options;
use crate::peers::{self, Peer, row};
use crate::place::server_for;
use crate::report::BenchReport;

/// Runs the benchmark of this name on each database.
///
/// # Errors
/// When it fails.
pub fn run(bench: &str, options: &Options, report: &mut BenchReport) -> anyhow::Result<()> {
    let drivers = Peer::drivers()?;
    let server = server_for(options.dialects())?;
    for dialect in options.dialects() {
        let database = peers::prepare(&drivers, *dialect, server.as_ref())?;
        let lines = drivers.run(bench, &database, options)?;
        lines.iter().for_each(|line| report.add(row(bench, *dialect, line)));
    }
    Ok(())
}
