//! A list of 10, 100 and 1,000 users with profile, settings and permissions: ours beside everybody else's.
//!
//! `ratio` compares medians with `hand_four`: four statements, written by hand on the bare driver.

mod two_modules;

use crate::options::Options;
use crate::peers::{self, Peer, PeerLine, number, put_ratio, row};
use crate::place::server_for;
use crate::report::BenchReport;

/// Lists on each database.
///
/// # Errors
/// When a list fails, or a peer that is required cannot be built.
pub fn run(
    arguments: &peers::PeerArguments,
    options: &Options,
    report: &mut BenchReport,
) -> anyhow::Result<()> {
    let drivers = Peer::drivers()?;
    let allocations = Peer::allocations()?;
    let others = [Peer::seaorm(arguments)?, Peer::drizzle(arguments)?, Peer::django(arguments)?];
    let server = server_for(options.dialects())?;
    for dialect in options.dialects() {
        let database = peers::prepare(&drivers, *dialect, server.as_ref())?;
        let mut lines = drivers.run("list", &database, options)?;
        add_allocations(&mut lines, &allocations.run("list", &database, &Options::default())?);
        for peer in others.iter().flatten() {
            let theirs = peer.run("list", &database, options)?;
            lines.extend(theirs.into_iter().map(|line| compared(line, &lines)).collect::<Vec<_>>());
        }
        lines.iter().for_each(|line| report.add(row("list", *dialect, line)));
        two_modules::run(*dialect, server.as_ref(), options, report)?;
    }
    Ok(())
}

fn add_allocations(lines: &mut [PeerLine], counted: &[PeerLine]) {
    for line in lines {
        let same =
            |other: &&PeerLine| ["case", "users"].iter().all(|field| other.get(*field) == line.get(*field));
        let count = counted.iter().find(same).and_then(|counted| counted.get("allocations"));
        if let Some(count) = count.cloned() {
            line.insert("allocations".to_owned(), count);
        }
    }
}

fn compared(mut line: PeerLine, lines: &[PeerLine]) -> PeerLine {
    let hand = lines.iter().find(|hand| {
        hand.get("case").is_some_and(|case| case == "hand_four") && hand.get("users") == line.get("users")
    });
    let median = hand.map_or(0.0, |hand| number(hand, "median_us"));
    let own = number(&line, "median_us");
    put_ratio(&mut line, own, median);
    line
}
