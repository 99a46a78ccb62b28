//! Jobs, from enqueued to complete: ours beside graphile-worker, pg-boss, apalis, and the floor, batched SQL that writes
//! the same rows as ours.
//!
//! Each is a process on a database of its own; they run in turns. `ratio_floor` compares rates, and for `start` the
//! median times, so that more is better.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;
use tenfold::data::Dialect;
use tenfold::data::testing::TestDatabase;

use crate::options::Options;
use crate::peers::{self, Peer, PeerLine, fresh_database, number, put_ratio_as, row};
use crate::place::{PostgresServer, server_for};
use crate::report::{BenchReport, complain};

/// What only this benchmark takes.
#[derive(Args)]
pub struct JobsArguments {
    #[command(flatten)]
    peers: peers::PeerArguments,
    /// How often the processes take turns [default: 3, 1 with --quick].
    #[arg(long)]
    rounds: Option<usize>,
    /// How long each load lasts, in seconds [default: 2, 0.6 with --quick].
    #[arg(long)]
    seconds: Option<f64>,
    /// Jobs that wait for another day [default: 0 and 1000000, 0 and 100000 with --quick].
    #[arg(long)]
    waiting: Option<Vec<usize>>,
    /// Only these cases, such as ours and floor.
    #[arg(long)]
    case: Vec<String>,
    /// Only this load.
    #[arg(long)]
    load: Option<String>,
}

/// How long a contender may take to make its waiting jobs.
const FILL_PATIENCE: Duration = Duration::from_secs(400);
/// How long a turn may take. Some queues leave a job behind whose end is never recorded.
const TURN_PATIENCE: Duration = Duration::from_secs(90);

/// A queue.
struct Contender<'a> {
    name: &'static str,
    peer: &'a Peer,
}

/// The programs, as far as they could be built.
struct Programs {
    drivers: Peer,
    apalis: Option<Peer>,
    queues: Option<Peer>,
}

/// Measures on each database.
///
/// # Errors
/// When ours or the floor fails, or a peer that is required cannot be built.
pub fn run(arguments: &JobsArguments, options: &Options, report: &mut BenchReport) -> anyhow::Result<()> {
    let programs = Programs {
        drivers: Peer::drivers()?,
        apalis: Peer::apalis(&arguments.peers)?,
        queues: Peer::queues(&arguments.peers)?,
    };
    let server = server_for(options.dialects())?;
    let quick = if options.quick { [0, 100_000] } else { [0, 1_000_000] };
    let waiting = arguments.waiting.as_deref().unwrap_or(&quick);
    for dialect in options.dialects() {
        for waiting in waiting {
            let round = Rounds { arguments, options, dialect: *dialect, waiting: waiting.to_string() };
            for line in round.measure(&programs.on(*dialect, arguments), server.as_ref())? {
                report.add(row("jobs", *dialect, &line));
            }
        }
    }
    Ok(())
}

impl Programs {
    fn on(&self, dialect: Dialect, arguments: &JobsArguments) -> Vec<Contender<'_>> {
        let queues = self.queues.as_ref().filter(|_| dialect == Dialect::Postgres);
        let all = [
            ("ours", Some(&self.drivers)),
            ("graphile", queues),
            ("pg_boss", queues),
            ("apalis", self.apalis.as_ref()),
            ("floor", Some(&self.drivers)),
        ];
        let wanted = |name: &str| arguments.case.is_empty() || arguments.case.iter().any(|case| case == name);
        let all = all.into_iter().filter(|(name, _)| wanted(name));
        all.filter_map(|(name, peer)| Some(Contender { name, peer: peer? })).collect()
    }
}

/// Some rounds on one database with so many waiting jobs.
struct Rounds<'a> {
    arguments: &'a JobsArguments,
    options: &'a Options,
    dialect: Dialect,
    waiting: String,
}

impl Rounds<'_> {
    /// The medians, in the order of the contenders.
    fn measure(
        &self,
        contenders: &[Contender<'_>],
        server: Option<&PostgresServer>,
    ) -> anyhow::Result<Vec<PeerLine>> {
        let quick = self.options.quick;
        let rounds = self.arguments.rounds.unwrap_or(if quick { 1 } else { 3 });
        let seconds = self.arguments.seconds.unwrap_or(if quick { 0.6 } else { 2.0 }).to_string();
        let mut databases = Vec::new();
        for contender in contenders {
            let database = fresh_database(self.dialect, server);
            let is_filled = self.ask(contender, &["--fill"], &database, FILL_PATIENCE)?.is_some();
            databases.push(is_filled.then_some(database));
        }
        let mut told = vec!["--seconds", &seconds];
        if let Some(load) = &self.arguments.load {
            told.extend(["--load", load]);
        }
        let mut turns: Vec<Vec<PeerLine>> = contenders.iter().map(|_| Vec::new()).collect();
        for round in 0..rounds {
            for place in 0..contenders.len() {
                // There and back, so that nobody always follows the same one.
                let index = if round % 2 == 0 { place } else { contenders.len() - 1 - place };
                let Some(database) = &databases[index] else { continue };
                match self.ask(&contenders[index], &told, database, TURN_PATIENCE)? {
                    Some(lines) => turns[index].extend(lines),
                    None => databases[index] = None,
                }
            }
        }
        Ok(with_ratios(turns.into_iter().flat_map(medians).collect()))
    }

    /// What a contender says. One of the others that fails is left out from then on, with a message.
    fn ask(
        &self,
        contender: &Contender<'_>,
        told: &[&str],
        database: &TestDatabase,
        patience: Duration,
    ) -> anyhow::Result<Option<Vec<PeerLine>>> {
        let mut arguments = vec!["--case", contender.name, "--waiting", &self.waiting];
        arguments.extend(told);
        match contender.peer.run_with("jobs", &arguments, database, self.options, patience) {
            Err(error) if !["ours", "floor"].contains(&contender.name) => {
                complain(&format!("left out: {} with {} waiting: {error:#}", contender.name, self.waiting));
                Ok(None)
            }
            said => said.map(Some),
        }
    }
}

/// What is compared: the rate, or the median time where there is no rate; more is better.
fn merit(line: &PeerLine) -> f64 {
    if line.contains_key("per_second") {
        number(line, "per_second")
    } else {
        1.0 / number(line, "p50_us").max(0.1)
    }
}

/// Of each load the round with the middle rate.
fn medians(lines: Vec<PeerLine>) -> Vec<PeerLine> {
    let mut loads: BTreeMap<String, Vec<PeerLine>> = BTreeMap::new();
    for line in lines {
        loads.entry(line["work"].to_string()).or_default().push(line);
    }
    let middle = |mut rounds: Vec<PeerLine>| {
        rounds.sort_by(|one, other| merit(one).total_cmp(&merit(other)));
        rounds.swap_remove(rounds.len() / 2)
    };
    loads.into_values().map(middle).collect()
}

fn with_ratios(mut lines: Vec<PeerLine>) -> Vec<PeerLine> {
    let floor: BTreeMap<String, f64> = lines
        .iter()
        .filter(|line| line["case"] == "floor")
        .map(|line| (line["work"].to_string(), merit(line)))
        .collect();
    for line in &mut lines {
        if let Some(floor) = floor.get(&line["work"].to_string()) {
            put_ratio_as("ratio_floor", line, merit(line), *floor);
        }
    }
    lines
}
