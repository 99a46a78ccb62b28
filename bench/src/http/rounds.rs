//! The servers in turns, A B B A, and what is made of the rounds.

use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use serde::Deserialize;

use super::house::{House, MeasuredServer};
use crate::rates::median;
use crate::report::ReportRow;

/// How much is measured.
pub struct RoundsPlan {
    /// Each server comes twice in a round.
    pub rounds: usize,
    /// Milliseconds each time.
    pub span: u64,
}

/// So many milliseconds before.
const WARM_UP: u64 = 100;

/// What was seen each time, in µs.
#[derive(Deserialize)]
struct RoundSamples {
    requests: f64,
    elapsed: f64,
    /// CPU time of the server's process.
    cpu: f64,
    median: f64,
    p99: f64,
}

/// What one server did, one round after the other: there and back.
#[derive(Default)]
struct Turns(Vec<[RoundSamples; 2]>);

/// Measures a route: a row for each server.
///
/// # Errors
/// When an answer is another than expected.
pub fn measure(
    house: &House,
    peer: &Path,
    route: &str,
    at_once: usize,
    plan: &RoundsPlan,
) -> anyhow::Result<Vec<ReportRow>> {
    let mut turns: Vec<Turns> = house.targets.iter().map(|_| Turns::default()).collect();
    // Of the longest answers too few would come for a median.
    let span = if route == "list_1000" { 3 * plan.span } else { plan.span };
    let turn = |target: &MeasuredServer| {
        let seen = fire(peer, &house.shots(target, route), target, at_once, span);
        seen.with_context(|| format!("{} at {route}, {at_once} at once", target.case))
    };
    for _ in 0..plan.rounds {
        let there = house.targets.iter().map(turn).collect::<Result<Vec<_>, _>>()?;
        let back = house.targets.iter().rev().map(turn).collect::<Result<Vec<_>, _>>()?;
        for ((turns, one), other) in turns.iter_mut().zip(there).zip(back.into_iter().rev()) {
            turns.0.push([one, other]);
        }
    }
    let rows = house.targets.iter().zip(&turns).map(|(target, own)| {
        let row =
            ReportRow::new("http", house.dialect, &target.case).with("route", route).with("at_once", at_once);
        let row = row.with("cpu_us", rounded(own.median(cpu), 10.0));
        let is_ours = !["hand", "hand_inline", "bare"].contains(&&*target.case);
        let others = house.targets.iter().zip(&turns).filter(|(other, _)| other.case != target.case);
        let row = others.fold(row, |row, (other, turns)| match &*other.case {
            "hand" if target.case != "bare" => row.with("ratio", own.ratio_to(turns)),
            "hand_inline" if is_ours => row.with("ratio_inline", own.ratio_to(turns)),
            "bare" => row.with("ratio_bare", own.ratio_to(turns)),
            "ours" if is_ours => row.with("ratio_ours", own.ratio_to(turns)),
            _ => row,
        });
        let requests = own.0.iter().flatten().map(|seen| seen.requests).sum::<f64>();
        let rate =
            own.median(|[one, other]| (one.requests + other.requests) / (one.elapsed + other.elapsed) * 1e6);
        let row = row.with("per_second", rounded(rate, 1.0)).with("n", rounded(requests, 1.0));
        let row =
            row.with("median_us", rounded(own.median(|[one, other]| (one.median + other.median) / 2.0), 1.0));
        let row = row.with("p99_us", rounded(own.median(|[one, other]| (one.p99 + other.p99) / 2.0), 1.0));
        row.with("rss_mib", rounded(target.process.memory("VmRSS") as f64 / f64::from(1 << 20), 10.0))
    });
    Ok(rows.collect())
}

/// Lets the requests be sent by a process of its own.
fn fire(
    peer: &Path,
    shots: &Path,
    target: &MeasuredServer,
    at_once: usize,
    span: u64,
) -> anyhow::Result<RoundSamples> {
    let (address, process) = (target.process.address(), target.process.id().to_string());
    let (at_once, warm_up, span) = (at_once.to_string(), WARM_UP.to_string(), span.to_string());
    let mut command = Command::new(peer);
    command.args(["fire", "--address", address, "--process", &process, "--at-once", &at_once]);
    command.args(["--warm-up", &warm_up, "--span", &span, "--shots"]).arg(shots);
    let output = command.output()?;
    anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// CPU time for a request.
fn cpu([one, other]: &[RoundSamples; 2]) -> f64 {
    (one.cpu + other.cpu) / (one.requests + other.requests)
}

impl Turns {
    fn median(&self, of: impl Fn(&[RoundSamples; 2]) -> f64) -> f64 {
        median(self.0.iter().map(of).collect())
    }

    /// The median of the rounds' ratios: what the machine does meanwhile meets both in a round.
    fn ratio_to(&self, other: &Turns) -> f64 {
        let ratios = self.0.iter().zip(&other.0).map(|(own, other)| cpu(own) / cpu(other));
        rounded(median(ratios.collect()), 100.0)
    }
}

fn rounded(value: f64, parts: f64) -> f64 {
    (value * parts).round() / parts
}
