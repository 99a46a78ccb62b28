//! The door: what a request costs over HTTP, on real processes, signed in, with telemetry and logs as shipped.
//!
//! `ours` is the reference backend, `hand` the same routes by hand on axum (`bench/peers/door`), `bare` axum with the same bytes
//! from memory. What is compared is the CPU time of the server's process for each request, since rates say more about the
//! machine: `ratio` is that of `hand`, `ratio_bare` that of `bare`.

mod house;
mod rounds;
mod routes;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context as _;
use clap::Args;

use self::house::{House, OtherBackend};
use self::rounds::RoundsPlan;
use crate::Options;
use crate::peers::Peer;
use crate::place::{app, server_for};
use crate::report::{BenchReport, complain};

/// What it takes besides.
#[derive(Args)]
pub struct HttpArguments {
    /// Only these routes: session, user, list_10, list_100, list_1000, whole_10, patch, upload.
    #[arg(long = "route")]
    routes: Vec<String>,
    /// Only with so many connections.
    #[arg(long)]
    at_once: Vec<usize>,
    /// So many rounds, instead of five, or one with --quick.
    #[arg(long)]
    rounds: Option<usize>,
    /// A release build of the reference backend, instead of building it.
    #[arg(long)]
    ours: Option<PathBuf>,
    /// Other builds of it, each measured in turns with it under its file's name: `ratio_ours` compares with it.
    #[arg(long)]
    against: Vec<PathBuf>,
    /// The same build with other settings, such as `why.record=false,log.filter=off`, measured in turns with it as a case of this name.
    #[arg(long = "set")]
    variants: Vec<String>,
}

/// Measures each route on each database.
///
/// # Errors
/// When a program cannot be built, or an answer is another than expected.
pub fn run(arguments: &HttpArguments, options: &Options, report: &mut BenchReport) -> anyhow::Result<()> {
    let ours = arguments.ours.clone().map_or_else(app, Ok)?;
    let peer = Peer::door()?;
    let server = server_for(options.dialects())?;
    let others = arguments.others(&ours)?;
    let began = Instant::now();
    let (rounds, span) = if options.quick { (1, 400) } else { (5, 600) };
    let plan = RoundsPlan { rounds: arguments.rounds.unwrap_or(rounds), span };
    for dialect in options.dialects() {
        let house = House::build(&ours, &others, &peer, *dialect, server.as_ref())?;
        for route in routes::ALL.iter().filter(|route| arguments.wants(route)) {
            for at_once in
                [1, 32].into_iter().filter(|n| arguments.at_once.is_empty() || arguments.at_once.contains(n))
            {
                rounds::measure(&house, &peer, route, at_once, &plan)?
                    .into_iter()
                    .for_each(|row| report.add(row));
            }
        }
    }
    complain(&format!("measured in {:.0} s", began.elapsed().as_secs_f64()));
    Ok(())
}

impl HttpArguments {
    fn others(&self, ours: &Path) -> anyhow::Result<Vec<OtherBackend>> {
        let builds = self.against.iter().map(|program| {
            let case = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
            Ok(OtherBackend { case, program: program.clone(), settings: Vec::new() })
        });
        let variants = self.variants.iter().map(|text| {
            let setting = |pair: &str| {
                let (key, value) =
                    pair.split_once('=').with_context(|| format!("--set {text}: expected key=value"))?;
                Ok((key.to_owned(), value.to_owned()))
            };
            let settings = text.split(',').map(setting).collect::<anyhow::Result<_>>()?;
            Ok(OtherBackend { case: text.clone(), program: ours.to_owned(), settings })
        });
        builds.chain(variants).collect()
    }

    fn wants(&self, route: &str) -> bool {
        self.routes.is_empty() || self.routes.iter().any(|wanted| wanted == route)
    }
}
