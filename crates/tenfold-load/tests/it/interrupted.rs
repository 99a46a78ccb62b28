//! A run that is ended early.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tenfold_load::{LoadLimits, LoadReport};
use tokio::sync::oneshot;

use crate::server::Server;
use crate::{plan, run_until, until_sent};

/// A run of an hour that ends with the thirtieth request.
fn interrupted_run() -> LoadReport {
    let (interrupt, interrupted) = oneshot::channel();
    let (requests, interrupt) = (AtomicU32::new(0), Mutex::new(Some(interrupt)));
    let server = Server::start(move |_| {
        if requests.fetch_add(1, Ordering::Relaxed) == 30 {
            let interrupt = interrupt.lock().expect("no thread panics").take();
            interrupt.expect("this happens once").send(()).expect("the run goes on");
        }
        200
    });
    let mut plan = plan(&server, "[[step]]\noperation = \"first\"");
    plan.duration = Duration::from_secs(3600);
    let began = Instant::now();
    let stop = async { interrupted.await.expect("thirty requests come") };
    let report = run_until(&plan, stop).expect("a run");
    assert!(began.elapsed() < Duration::from_secs(60));
    report
}

#[test]
fn an_interrupted_run_reports_what_it_has() {
    let (report, ()) = until_sent(|| (interrupted_run(), ()));
    assert!(report.total.answered >= 20, "{}", report.table());
    assert_eq!(report.judge(&LoadLimits::default()), Ok(()));
    assert_eq!(report.json()["interrupted"], true);
    assert!(report.table().contains("; interrupted"), "{}", report.table());
}
