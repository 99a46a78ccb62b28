//! The calls between modules.

use std::panic::Location;
use std::time::Duration;

use tenfold_data::{CallRecord, CallSite, Clock, Outcome, Timestamp, TraceContext};
use tenfold_observe::telemetry::{SERIES_LIMIT, Telemetry};

fn telemetry() -> (Telemetry, Clock) {
    let clock = Clock::manual(Timestamp::from_second(1_767_225_600).expect("it is a time"));
    (Telemetry::new(clock.clone()), clock)
}

fn call(method: &'static str, site: CallSite, millis: u64, outcome: Outcome) -> CallRecord {
    let trace = TraceContext::start_random();
    CallRecord {
        module: "billing",
        method,
        trace,
        site,
        elapsed: Duration::from_millis(millis),
        statements: 2,
        outcome,
    }
}

#[test]
fn calls_are_counted_by_method_and_line() {
    let (telemetry, clock) = telemetry();
    let (first, second) = (Location::caller(), Location::caller());
    telemetry.call(&call("charge", first, 10, Outcome::Ok));
    telemetry.call(&call("charge", first, 30, Outcome::Failed));
    telemetry.call(&call("refund", second, 5, Outcome::Ok));
    clock.advance(Duration::from_secs(60));
    telemetry.call(&call("charge", first, 20, Outcome::Ok));
    let rows = telemetry.calls(15);
    let shown: Vec<_> =
        rows.iter().map(|row| (row.method, row.summary.count, row.summary.errors, row.statements)).collect();
    assert_eq!(shown, [("charge", 3, 1, 6), ("refund", 1, 0, 2)]);
    assert_eq!((rows[0].site, rows[0].summary.total), (Some(first), Duration::from_millis(60)));
    assert_eq!(telemetry.calls(1).len(), 1, "those of the last minute");
    clock.advance(Duration::from_secs(3600));
    assert!(telemetry.calls(60).is_empty());
}

#[test]
fn calls_beyond_the_limit_are_counted_together() {
    let (telemetry, _) = telemetry();
    for number in 0..SERIES_LIMIT + 5 {
        let method: &'static str = Box::leak(format!("method{number}").into_boxed_str());
        telemetry.call(&call(method, Location::caller(), 1, Outcome::Ok));
    }
    let rows = telemetry.calls(1);
    assert_eq!(rows.len(), SERIES_LIMIT + 1);
    let other = rows.iter().find(|row| row.module.is_empty()).expect("others are counted");
    assert_eq!((other.method, other.summary.count, other.site), ("other", 5, None));
}
