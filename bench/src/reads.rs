//! Loads of one row by its key, 1, 16 and 64 at once, each in a request of its own: nothing can be merged.
//!
//! `ratio` compares rates with sqlx's. The two are processes that run in turns.

use crate::options::Options;
use crate::peers::{self, Peer, PeerLine, number, put_ratio, row};
use crate::place::server_for;
use crate::report::BenchReport;

/// How often the processes take turns.
const TURNS: usize = 3;

/// Reads on each database.
///
/// # Errors
/// When a read fails, or a peer that is required cannot be built.
pub fn run(
    arguments: &peers::PeerArguments,
    options: &Options,
    report: &mut BenchReport,
) -> anyhow::Result<()> {
    let drivers = Peer::drivers()?;
    let sqlx = Peer::seaorm(arguments)?;
    let server = server_for(options.dialects())?;
    for dialect in options.dialects() {
        let database = peers::prepare(&drivers, *dialect, server.as_ref())?;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..if options.quick { 1 } else { TURNS } {
            ours.push(drivers.run("reads", &database, options)?);
            if let Some(sqlx) = &sqlx {
                theirs.push(sqlx.run("reads", &database, options)?);
            }
        }
        let (mut ours, theirs) = (middle(ours), middle(theirs));
        for line in &mut ours {
            let same = theirs.iter().find(|their| their.get("at_once") == line.get("at_once"));
            let (rate, to) =
                (number(line, "per_second"), same.map_or(0.0, |same| number(same, "per_second")));
            put_ratio(line, rate, to);
        }
        ours.iter().chain(&theirs).for_each(|line| report.add(row("reads", *dialect, line)));
    }
    Ok(())
}

/// Of each line the turn with the middle rate.
fn middle(turns: Vec<Vec<PeerLine>>) -> Vec<PeerLine> {
    let lines = turns.first().map_or(0, Vec::len);
    let pick = |index: usize| {
        let mut line: Vec<PeerLine> = turns.iter().map(|turn| turn[index].clone()).collect();
        line.sort_by(|one, other| number(one, "per_second").total_cmp(&number(other, "per_second")));
        line.swap_remove(line.len() / 2)
    };
    (0..lines).map(pick).collect()
}
