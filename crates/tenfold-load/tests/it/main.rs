//! Load on small servers that do as a test says.

mod interrupted;
mod latencies;
mod limits;
mod reach;
mod reports;
mod scenario;
mod seed;
mod server;
mod stall;

use std::time::Duration;

use tenfold_load::{LoadPlan, LoadReport, LoadTarget, Scenario};

use self::server::Server;

/// A second of load without a warm-up.
fn plan(server: &Server, scenario: &str) -> LoadPlan {
    LoadPlan {
        target: LoadTarget::of_listener(server.address()).expect("a loopback address"),
        rate: "100".parse().expect("a rate"),
        warm_up: Duration::ZERO,
        duration: Duration::from_secs(1),
        connections: 32,
        timeout: Duration::from_secs(10),
        seed: 1,
        scenario: Some(read(scenario).expect("a scenario")),
    }
}

/// Reads a scenario as from a file.
fn read(text: &str) -> anyhow::Result<Scenario> {
    let file = std::env::temp_dir().join(format!(
        "tenfold_load_{}_{:?}.toml",
        std::process::id(),
        std::thread::current().id()
    ));
    std::fs::write(&file, text).expect("a temporary file can be written");
    let scenario = Scenario::read(&file);
    std::fs::remove_file(&file).expect("it can be removed");
    scenario
}

/// Runs a plan to its end.
fn run(plan: &LoadPlan) -> anyhow::Result<LoadReport> {
    run_until(plan, std::future::pending())
}

/// Runs a plan against a server.
fn run_sent(server: impl Fn() -> Server, plan: impl Fn(&Server) -> LoadPlan) -> (LoadReport, Server) {
    until_sent(|| {
        let server = server();
        (run(&plan(&server)).expect("a run"), server)
    })
}

/// Repeats a run for as long as this machine was too busy to send what was due: such a run says nothing.
fn until_sent<T>(one: impl Fn() -> (LoadReport, T)) -> (LoadReport, T) {
    let mut runs = (0..4).map(|_| one());
    runs.find(|(report, _)| report.total.unsent == 0).unwrap_or_else(one)
}

/// Runs a plan to its end, or until `stop` is ready.
fn run_until(plan: &LoadPlan, stop: impl Future<Output = ()>) -> anyhow::Result<LoadReport> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime starts");
    runtime.block_on(tenfold_load::run(plan, stop, &mut |_| {}))
}
