//! A list whose rows live in two modules, through the reference backend: a project's tasks with labels and comments,
//! and the names of those who work on them, which the module `auth` gives.

use std::time::Instant;

use anyhow::Context as _;
use harness::wire::{HttpConnection, HttpRequest};
use serde_json::{Value, json};
use tenfold::data::Dialect;

use crate::options::Options;
use crate::place::{PostgresServer, app, place};
use crate::report::{BenchReport, ReportRow};

/// Lists 10 and 40 tasks.
///
/// # Errors
/// When the backend cannot be built, or answers something else than expected.
pub(super) fn run(
    dialect: Dialect,
    server: Option<&PostgresServer>,
    options: &Options,
    report: &mut BenchReport,
) -> anyhow::Result<()> {
    let place = place(&app()?, dialect, server);
    let process = place.app(&["serve", "--demo"]).start();
    let mut connection = process.connect();
    let credentials = json!({ "email": "owner@acme.test", "password": "tenfold-demo" });
    let session = connection.ask(&HttpRequest::post("/v1/auth/sign-in").json(&credentials))?.json();
    let token = session["token"].as_str().context("nobody can sign in")?.to_owned();
    let projects = connection.ask(&HttpRequest::get("/v1/projects").bearer(&token))?.json();
    let project = projects["items"][0]["id"].as_str().context("the demo has no project")?.to_owned();
    for tasks in [10, 40] {
        let request = HttpRequest::get(&format!("/v1/projects/{project}/tasks?limit={tasks}")).bearer(&token);
        let mut times = Vec::new();
        let mut cost = (0, 0);
        for _ in 0..if options.quick { 100 } else { 500 } {
            let began = Instant::now();
            cost = ask(&mut connection, &request, tasks)?;
            times.push(began.elapsed());
        }
        let row = ReportRow::new("list", dialect, "two_modules").with("tasks", tasks).times(&times);
        report.add(row.with("statements", cost.0).with("calls", cost.1));
    }
    Ok(())
}

/// Statements and calls of the request, the session's included.
fn ask(connection: &mut HttpConnection, request: &HttpRequest, tasks: usize) -> anyhow::Result<(u64, u64)> {
    let answer = connection.ask(request)?;
    let listed = answer.json()["items"].as_array().map_or(0, Vec::len);
    anyhow::ensure!(listed == tasks, "{} lists {listed} tasks", request.path());
    let timing = answer.header("server-timing").to_owned();
    let count = |name: &str| -> Option<u64> {
        let rest = timing.split_once(&format!("{name}="))?.1;
        rest.split('"').next()?.parse().ok()
    };
    let counted = count("statements").zip(count("calls"));
    counted.with_context(|| format!("Server-Timing says {}", Value::from(timing)))
}
