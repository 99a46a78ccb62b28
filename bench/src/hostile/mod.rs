//! Clients that want the server to hold bytes, or to work for nothing: what it takes in memory, and whether others are served.

mod attack;
mod frames;
mod onlooker;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use harness::Deployment;
use harness::process::Process;
use harness::wire::HttpRequest;
use serde_json::json;
use tenfold::data::Dialect;

use self::attack::Attack;
use self::onlooker::look_on;
use crate::options::Options;
use crate::place::{app, place, server_for};
use crate::report::{BenchReport, ReportRow, quantile};

/// What it takes besides.
#[derive(Args)]
pub struct HostileArguments {
    /// How long each attack lasts, in seconds, instead of 30, or 8 with --quick.
    #[arg(long)]
    seconds: Option<u64>,
    /// Only these cases: zero_windows, bodies, heads, unread, rapid_reset, flood.
    #[arg(long = "only")]
    cases: Vec<String>,
    /// How many clients attack at once, instead of each case's own number.
    #[arg(long)]
    clients: Option<usize>,
    /// A release build of the reference backend, instead of building it.
    #[arg(long)]
    ours: Option<std::path::PathBuf>,
}

/// What the attackers ask for, and what the others ask for.
const LARGE: &str = "/v1/users?limit=1000";
const SMALL: &str = "/v1/users?limit=10";
const ATTACKER: &str = "owner@acme.test";
const OTHER: &str = "owner@globex.test";

/// Attacks a server on each database in each way.
///
/// # Errors
/// When the backend cannot be built or is not what it should be.
pub fn run(arguments: &HostileArguments, options: &Options, report: &mut BenchReport) -> anyhow::Result<()> {
    let program = arguments.ours.clone().map_or_else(app, Ok)?;
    let server = server_for(options.dialects())?;
    let span = Duration::from_secs(arguments.seconds.unwrap_or(if options.quick { 8 } else { 30 }));
    for dialect in options.dialects() {
        let place = place(&program, *dialect, server.as_ref());
        for (case, attack, clients) in Attack::ALL {
            if arguments.cases.is_empty() || arguments.cases.iter().any(|only| only == case) {
                let clients = arguments.clients.unwrap_or(clients);
                report.add(one(&place, *dialect, (case, attack, clients), span)?);
            }
        }
    }
    Ok(())
}

fn one(
    place: &Deployment,
    dialect: Dialect,
    (case, attack, clients): (&str, Attack, usize),
    span: Duration,
) -> anyhow::Result<ReportRow> {
    let process = place.app(&["serve", "--demo"]).env("TENFOLD_LOG__FILTER", "warn").start();
    let address: SocketAddr = process.address().parse()?;
    let (attacker, other) = (token(&process, ATTACKER)?, token(&process, OTHER)?);
    let list = HttpRequest::get(SMALL).bearer(&other);
    // What a list and a sign-in take belongs to the server at rest.
    for path in [LARGE, LARGE, SMALL] {
        process.ask(&HttpRequest::get(path).bearer(&attacker));
    }
    let idle = process.memory("VmRSS");
    let seen = look_on(&process, &list, || attack.run(address, clients, &attacker, LARGE, span));
    let metrics = process.ask(&HttpRequest::get("/metrics")).text();
    let figure = |name: &str| -> f64 {
        let value = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.and_then(|value| value.parse().ok()).unwrap_or_default()
    };
    Ok(ReportRow::new("hostile", dialect, case)
        .with("clients", clients)
        .with("idle_mib", idle >> 20)
        .with("over_idle_mib", seen.most_memory.saturating_sub(idle) >> 20)
        .with("healthz_p99_ms", milliseconds(quantile(&seen.health.served, 0.99)))
        .with("healthz_failed", seen.health.failed + seen.health.refused)
        .with("others_served", (seen.others.share() * 1000.0).round() / 1000.0)
        .with("others_p99_ms", milliseconds(quantile(&seen.others.served, 0.99)))
        .with("refused", figure("tenfold_http_buffer_refused_total"))
        .with("cut", figure("tenfold_http_buffer_cut_total")))
}

fn token(process: &Process, email: &str) -> anyhow::Result<String> {
    let credentials = json!({"email": email, "password": "tenfold-demo"});
    let answer = process.ask(&HttpRequest::post("/v1/auth/sign-in").json(&credentials));
    anyhow::ensure!(answer.status == 200, "{email} cannot sign in: {}", answer.text());
    let token = answer.json()["token"].as_str().map(str::to_owned);
    token.context("a session has a token")
}

fn milliseconds(time: Option<Duration>) -> f64 {
    let milliseconds = time.unwrap_or_default().as_secs_f64() * 1000.0;
    (milliseconds * 10.0).round() / 10.0
}
