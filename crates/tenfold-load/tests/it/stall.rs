//! A server that stalls.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use tenfold_load::{LoadLimits, LoadReport};

use crate::server::Server;
use crate::{plan, run};

const SCENARIO: &str = "[[step]]\noperation = \"first\"";

/// Blocks for this time.
fn stall(time: Duration) {
    let never = (Mutex::new(()), Condvar::new());
    let guard = never.0.lock().expect("nobody else has it");
    drop(never.1.wait_timeout_while(guard, time, |()| true).expect("nobody else has it"));
}

#[test]
fn requests_that_wait_for_a_stalled_server_count() {
    let requests = AtomicU32::new(0);
    let server = Server::start(move |_| {
        if requests.fetch_add(1, Ordering::Relaxed) == 20 {
            stall(Duration::from_millis(500));
        }
        200
    });
    let mut plan = plan(&server, SCENARIO);
    // Only one request meets the stall itself. Half of the others are due while it lasts.
    plan.connections = 1;
    let report = run(&plan).expect("a run");
    let p80 = report.total.latencies.quantile(0.8).expect("answers came");
    assert!(p80 >= Duration::from_millis(200), "{}", report.table());
}

/// A run whose first request holds the only connection until its end.
fn run_of_one_request() -> LoadReport {
    let requests = AtomicU32::new(0);
    let server = Server::start(move |_| {
        if requests.fetch_add(1, Ordering::Relaxed) > 0 {
            stall(Duration::from_secs(60));
        }
        200
    });
    let mut plan = plan(&server, SCENARIO);
    (plan.connections, plan.timeout) = (1, Duration::from_millis(1500));
    plan.duration = Duration::from_millis(200);
    run(&plan).expect("a run")
}

#[test]
fn requests_that_cannot_be_sent_make_a_run_invalid() {
    // A machine that is too busy may not send even that one.
    let mut runs = (0..4).map(|_| run_of_one_request());
    let report = runs.find(|report| report.total.failed == 1).unwrap_or_else(run_of_one_request);
    assert_eq!((report.total.failed, report.total.unsent), (1, report.total.due - 1), "{}", report.table());
    let fault = report.judge(&LoadLimits::default()).expect_err("nobody was served");
    assert_eq!(fault.exit_status(), 3);
    assert!(fault.to_string().contains("--connections (now 1)"), "{fault}");
    assert_eq!(report.json()["valid"], false);
    assert!(report.table().contains("failed: first: no answer in time, 1 times"), "{}", report.table());
}
