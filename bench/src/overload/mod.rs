//! More requests than the reference backend can answer: the list of 1,000 users, or a mix of short requests, at several times its
//! saturation, open loop, with admission (`ours`), without (`off`), and without it behind tower's layers (`tower`).

mod measured;
mod neighbours;
mod tower;

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use harness::Deployment;
use harness::process::{Launch, Process};
use serde_json::Value;
use tenfold::data::Dialect;

use self::measured::{Watched, cpu_seconds, recovery, saturation, watch};
pub use self::neighbours::run_neighbours;
pub use self::tower::{TOWER_LIMIT, serve_behind_tower};
use crate::options::Options;
use crate::place::{app, place, server_for};
use crate::report::{BenchReport, ReportRow};

/// What it takes besides.
#[derive(Args)]
pub struct OverloadArguments {
    /// How long each load lasts, in seconds, instead of 60, or 5 with --quick.
    #[arg(long)]
    seconds: Option<u32>,
    /// Only these multiples of the saturation, instead of 0.8, 1, 2, 5 and 10.
    #[arg(long)]
    load: Vec<f64>,
    /// Only these cases: ours, off, tower.
    #[arg(long = "only")]
    cases: Vec<String>,
    /// Sends what `app load` sends without a scenario, mostly short requests, in place of the list.
    #[arg(long)]
    mix: bool,
    /// The core for the server alone. Pin this program, and with it the generator, to another: `taskset --cpu-list 1 …`.
    #[arg(long)]
    server_core: Option<usize>,
    /// A release build of the reference backend, instead of building it.
    #[arg(long)]
    ours: Option<std::path::PathBuf>,
}

/// How the reference backend is served.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OverloadCase {
    Ours,
    Off,
    Tower,
}

impl OverloadCase {
    const ALL: [OverloadCase; 3] = [OverloadCase::Ours, OverloadCase::Off, OverloadCase::Tower];

    fn name(self) -> &'static str {
        match self {
            OverloadCase::Ours => "ours",
            OverloadCase::Off => "off",
            OverloadCase::Tower => "tower",
        }
    }
}

/// How many requests run at once behind tower's layers: a number of the kind that one writes down without measuring.
const BEHIND_TOWER: &str = "64";
const LOADS: [f64; 5] = [0.8, 1.0, 2.0, 5.0, 10.0];
/// The rate at which the search for the saturation of a mix begins.
const FIRST_RATE: f64 = 400.0;
/// The list, as the demo's owner asks for it.
const SCENARIO: &str = r#"
[[account]]
email = "owner@acme.test"
password = "tenfold-demo"

[[step]]
operation = "list_users"
query = "limit=1000"
"#;

/// Measures each case on each database.
///
/// # Errors
/// When the backend cannot be built, or the load cannot be sent.
pub fn run(arguments: &OverloadArguments, options: &Options, report: &mut BenchReport) -> anyhow::Result<()> {
    let program = arguments.ours.clone().map_or_else(app, Ok)?;
    let server = server_for(options.dialects())?;
    let seconds = arguments.seconds.unwrap_or(if options.quick { 5 } else { 60 });
    for dialect in options.dialects() {
        let is_wanted = |case: &OverloadCase| {
            arguments.cases.is_empty() || arguments.cases.iter().any(|only| only == case.name())
        };
        for case in OverloadCase::ALL.into_iter().filter(is_wanted) {
            let place = place(&program, *dialect, server.as_ref());
            let core = arguments.server_core;
            let run =
                OverloadRun { program: &program, place: &place, case, seconds, core, is_mix: arguments.mix };
            run.all_loads(*dialect, arguments, report)?;
        }
    }
    Ok(())
}

/// One case on one database.
#[derive(Clone, Copy)]
struct OverloadRun<'a> {
    program: &'a Path,
    place: &'a Deployment,
    case: OverloadCase,
    seconds: u32,
    /// The server's.
    core: Option<usize>,
    /// Whether the requests are a mix.
    is_mix: bool,
}

/// What a load has shown.
struct LoadResult {
    /// Answers a second that the server gives to a few connections, before and after.
    peak: f64,
    report: Value,
    watched: Watched,
    cpu: f64,
    recovery: Duration,
}

impl LoadResult {
    fn total(&self, field: &str) -> f64 {
        self.report["total"][field].as_f64().unwrap_or_default()
    }
}

impl OverloadRun<'_> {
    fn all_loads(
        &self,
        dialect: Dialect,
        arguments: &OverloadArguments,
        report: &mut BenchReport,
    ) -> anyhow::Result<()> {
        // Without steps, the requests are the examples of the API's document.
        self.place.write("overload.toml", if self.is_mix { "" } else { SCENARIO });
        // The first start fills the tables.
        drop(self.start_with("true"));
        let peak = self.saturation(&self.start()?, self.seconds.min(10))?;
        let loads = if arguments.load.is_empty() { LOADS.to_vec() } else { arguments.load.clone() };
        // The CPU time of an answer, from the lightest load.
        let mut each = None;
        for load in loads {
            let shown = self.load(peak * load)?;
            let answered = shown.total("answered").max(1.0);
            let each = *each.get_or_insert(shown.cpu / answered);
            let refused = shown.total("refused");
            let row = ReportRow::new("overload", dialect, self.case.name())
                .with("requests", if self.is_mix { "mix" } else { "list" })
                .with("load", load)
                .with("peak_per_second", rounded(shown.peak, 10.0))
                .with("goodput", rounded(shown.total("per_second") / shown.peak, 1000.0))
                .with("p99_ms", shown.report["total"]["p99_ms"].clone())
                .with("refused", refused)
                .with("failed", shown.total("failed"))
                .with("unsent", shown.total("unsent"))
                .with("rss_mib", shown.watched.most_memory >> 20)
                .with("healthz_p99_ms", rounded(shown.watched.health_p99.as_secs_f64() * 1000.0, 10.0))
                .with("healthz_failed", shown.watched.health_failed)
                .with("recovery_s", rounded(shown.recovery.as_secs_f64(), 100.0));
            // What is left of the CPU time when the answers are paid for; noise below some hundred refusals.
            let cost = (shown.cpu - answered * each) / refused.max(1.0) / each;
            report.add(if refused > 500.0 { row.with("refusal_cost", rounded(cost, 10_000.0)) } else { row });
        }
        Ok(())
    }

    fn start(&self) -> anyhow::Result<Process> {
        Ok(match self.case {
            OverloadCase::Ours => self.start_with("true"),
            OverloadCase::Off => self.start_with("false"),
            OverloadCase::Tower => {
                let serve = self.place.app_of(&std::env::current_exe()?, &["serve"]);
                self.on_core(serve.env(TOWER_LIMIT, BEHIND_TOWER)).start()
            }
        })
    }

    /// The reference backend with this `admission.enabled`.
    fn start_with(&self, enabled: &str) -> Process {
        self.on_core(self.place.app(&["serve", "--demo"]).env("TENFOLD_ADMISSION__ENABLED", enabled)).start()
    }

    fn on_core(&self, launch: Launch) -> Launch {
        let launch = launch.env("TENFOLD_LOG__FILTER", "warn");
        match self.core {
            Some(core) => launch.on_core(core),
            None => launch,
        }
    }

    /// Sends this many requests a second to a process of its own, and watches it. The saturation is measured before and after: a
    /// shared machine is not as fast at each moment.
    fn load(&self, rate: f64) -> anyhow::Result<LoadResult> {
        let process = self.start()?;
        let peak = self.saturation(&process, self.seconds.min(5))?;
        let before = cpu_seconds(&process);
        let (report, watched) = watch(&process, || self.send(&process, "overload.toml", rate));
        let cpu = cpu_seconds(&process) - before;
        let recovery = recovery(&process);
        let peak = f64::midpoint(peak, self.saturation(&process, self.seconds.min(5))?);
        Ok(LoadResult { peak, report: report?, watched, cpu, recovery })
    }

    /// How many answers a second the server gives: to a few connections that wait for them; or, of a mix, the most of a rate that grows
    /// until a tenth is not answered.
    fn saturation(&self, process: &Process, seconds: u32) -> anyhow::Result<f64> {
        if !self.is_mix {
            return Ok(saturation(process, seconds));
        }
        let (mut most, mut rate) = (0.0_f64, FIRST_RATE);
        loop {
            let report = self.send_for(process, "overload.toml", rate, seconds)?;
            let answered = report["total"]["per_second"].as_f64().unwrap_or_default();
            most = most.max(answered);
            if answered < 0.9 * rate {
                return Ok(most);
            }
            rate *= 1.25;
        }
    }

    /// Sends this many requests of a scenario a second, and gives the report.
    fn send(&self, process: &Process, scenario: &str, rate: f64) -> anyhow::Result<Value> {
        self.send_for(process, scenario, rate, self.seconds)
    }

    fn send_for(&self, process: &Process, scenario: &str, rate: f64, seconds: u32) -> anyhow::Result<Value> {
        let load = self.load_of(process, scenario, rate, seconds);
        let finished = load.finish_after(Duration::from_secs(u64::from(seconds)));
        serde_json::from_str(&finished.out)
            .with_context(|| format!("app load gives no report: {}{}", finished.out, finished.err))
    }

    /// `app load` with so many requests a second for so many seconds.
    fn load_of(&self, process: &Process, scenario: &str, rate: f64, seconds: u32) -> Launch {
        let (rate, seconds) = (format!("{rate:.0}"), format!("{seconds}s"));
        let target = format!("http://{}", process.address());
        let arguments = [
            "load",
            scenario,
            "--rate",
            &rate,
            "--duration",
            &seconds,
            "--warm-up",
            "0s",
            "--connections",
            "4000",
            "--target",
            &target,
            "--json",
            "-",
        ];
        self.place.other(self.program, &arguments)
    }
}

fn rounded(value: f64, parts: f64) -> f64 {
    (value * parts).round() / parts
}
