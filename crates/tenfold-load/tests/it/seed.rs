//! A seed decides which requests are sent, and when they are due.

use std::collections::BTreeSet;

use tenfold_load::LoadPlan;

use crate::server::Server;
use crate::{plan, run, run_sent};

const SCENARIO: &str = r#"
[[step]]
operation = "first"
weight = 3
query = "number={unique}"

[[step]]
operation = "write"
body = { name = "{unique}" }
"#;

/// What a run with this seed sends.
fn sent(seed: u64) -> BTreeSet<String> {
    let half_a_second = |server: &Server| {
        let duration = std::time::Duration::from_millis(500);
        LoadPlan { seed, duration, ..plan(server, SCENARIO) }
    };
    let (report, server) = run_sent(|| Server::start(|_| 200), half_a_second);
    assert_eq!((report.total.due, report.total.failed), (report.total.answered, 0));
    // Each step was called once before.
    assert_eq!(server.seen().len() as u64, report.total.sent + 2);
    server.seen().into_iter().collect()
}

#[test]
fn the_same_seed_sends_the_same_requests() {
    let (first, again, other) = (sent(7), sent(7), sent(8));
    assert_eq!(first, again);
    assert!(first.is_disjoint(&other), "{first:?} {other:?}");
    let writes = first.iter().filter(|request| request.starts_with("POST")).count();
    assert!(writes > 0 && writes * 2 < first.len(), "{writes} of {}", first.len());
}

#[test]
fn a_ramp_sends_more_towards_its_end() {
    let server = Server::start(|_| 200);
    let mut plan = plan(&server, "[[step]]\noperation = \"first\"");
    plan.rate = "0..400".parse().expect("a rate");
    let report = run(&plan).expect("a run").json();
    let due = |half: usize| report["slices"][half]["due"].as_u64().expect("a slice counts what was due");
    // 200 are expected: 50 in the first half, and 150 in the second.
    assert!((30..70).contains(&due(0)) && (110..190).contains(&due(1)), "{report:#}");
}

#[test]
fn the_warm_up_is_sent_and_not_counted() {
    let warmed_up = |server: &Server| {
        let warm_up = std::time::Duration::from_millis(500);
        LoadPlan { warm_up, ..plan(server, "[[step]]\noperation = \"first\"") }
    };
    let (report, server) = run_sent(|| Server::start(|_| 200), warmed_up);
    let (sent, counted) = (server.seen().len() as u64 - 1, report.total.sent);
    assert!(sent >= counted + 25 && counted > 50, "{sent} {counted}");
}
