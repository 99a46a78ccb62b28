//! What others notice of an organization that asks for too much, and of clients that never wait before they ask again.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use harness::process::let_pass;
use serde_json::Value;
use tenfold::data::Dialect;

use super::measured::{list, saturation};
use super::{OverloadArguments, OverloadCase, OverloadRun, SCENARIO, rounded};
use crate::options::Options;
use crate::place::{app, place, server_for};
use crate::report::{BenchReport, ReportRow};

/// Twenty small organizations, which ask for a page each.
const NEIGHBOURS: &str = r#"
organizations = 20

[[step]]
operation = "list_users"
query = "limit=10"
"#;
/// How many pages a second all of them ask for.
const PAGES: f64 = 100.0;
/// How much longer than the neighbours' load the noise may last, in seconds.
const NOISE_SECONDS: u32 = 300;
/// When it is there.
const NOISE_BEGINS: Duration = Duration::from_secs(3);
/// Connections that ask again as soon as they are answered or refused.
const IMPATIENT: usize = 256;

/// Measures both cases on each database, with admission and without.
///
/// # Errors
/// When the backend cannot be built, or the load cannot be sent.
pub fn run_neighbours(
    arguments: &OverloadArguments,
    options: &Options,
    report: &mut BenchReport,
) -> anyhow::Result<()> {
    anyhow::ensure!(!arguments.mix, "neighbours asks for lists and pages: --mix is for overload");
    let program = arguments.ours.clone().map_or_else(app, Ok)?;
    let server = server_for(options.dialects())?;
    let seconds = arguments.seconds.unwrap_or(if options.quick { 5 } else { 30 });
    for dialect in options.dialects() {
        for case in [OverloadCase::Ours, OverloadCase::Off] {
            let place = place(&program, *dialect, server.as_ref());
            let core = arguments.server_core;
            let run = OverloadRun { program: &program, place: &place, case, seconds, core, is_mix: false };
            place.write("overload.toml", SCENARIO);
            place.write("neighbours.toml", NEIGHBOURS);
            drop(run.start_with("true"));
            noisy(&run, *dialect, report)?;
            impatient(&run, *dialect, report)?;
        }
    }
    Ok(())
}

/// The neighbours alone, and beside an organization that asks for twice as many whole lists as the server can give.
fn noisy(run: &OverloadRun<'_>, dialect: Dialect, report: &mut BenchReport) -> anyhow::Result<()> {
    let process = run.start()?;
    let rate = saturation(&process, run.seconds.min(5)) * 2.0;
    let alone = run.send(&process, "neighbours.toml", PAGES)?;
    // The neighbours sign in first, which takes long beside the noise. It is ended once they are done.
    let mut noise = run.load_of(&process, "overload.toml", rate, run.seconds + NOISE_SECONDS).spawn();
    let_pass(NOISE_BEGINS);
    // Without admission they may not even get so far: then nobody was served.
    let beside = run.send(&process, "neighbours.toml", PAGES);
    anyhow::ensure!(noise.is_alive(), "the noise ended before the neighbours were done: {}", noise.err());
    drop(noise);
    let row = ReportRow::new("neighbours", dialect, run.case.name()).with("what", "noisy");
    let p99 = |seen: &Value| seen["total"]["p99_ms"].as_f64().unwrap_or_default();
    report.add(match beside {
        Ok(beside) => row
            .with("served", rounded(share(&beside), 10_000.0))
            .with("alone_p99_ms", p99(&alone))
            .with("beside_p99_ms", p99(&beside))
            .with("ratio", rounded(p99(&beside) / p99(&alone), 100.0)),
        Err(error) => row.with("served", 0.0).with("because", format!("{error:#}")),
    });
    Ok(())
}

/// Clients that ask again at once, and then, within ten seconds, a load of 0.7.
fn impatient(run: &OverloadRun<'_>, dialect: Dialect, report: &mut BenchReport) -> anyhow::Result<()> {
    let process = run.start()?;
    let peak = saturation(&process, run.seconds.min(5));
    let (is_over, asked, served) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let request = list(&process);
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..IMPATIENT {
            scope.spawn(|| {
                let mut connection = process.connect();
                while !is_over.load(Ordering::Acquire) {
                    asked.fetch_add(1, Ordering::Relaxed);
                    match connection.ask(&request) {
                        Ok(answer) if answer.status == 200 => {
                            served.fetch_add(1, Ordering::Relaxed);
                        }
                        Ok(_) => {}
                        Err(_) => connection = process.connect(),
                    }
                }
            });
        }
        let over = Duration::from_secs(u64::from(run.seconds));
        let_pass(over);
        is_over.store(true, Ordering::Release);
    });
    let span = began.elapsed().as_secs_f64();
    let brief = OverloadRun { seconds: 10, ..*run };
    let after = brief.send(&process, "overload.toml", peak * 0.7)?;
    report.add(
        ReportRow::new("neighbours", dialect, run.case.name())
            .with("what", "impatient")
            .with("asked_per_second", rounded(asked.into_inner() as f64 / span, 1.0))
            .with("goodput", rounded(served.into_inner() as f64 / span / peak, 1000.0))
            .with("served", rounded(share(&after), 10_000.0)),
    );
    Ok(())
}

/// How many of the requests that were due were answered, of 1.
fn share(seen: &Value) -> f64 {
    let total = |field: &str| seen["total"][field].as_f64().unwrap_or_default();
    total("answered") / (total("answered") + total("refused") + total("failed") + total("unsent")).max(1.0)
}
