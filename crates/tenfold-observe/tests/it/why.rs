//! What telemetry records for the question what is wrong.

use std::panic::Location;
use std::time::Duration;

use tenfold_data::{
    Boundary, Clock, Dialect, OrgId, Outcome, StatementRecord, Timestamp, TraceContext, TransactionRecord,
    Uuid,
};
use tenfold_observe::telemetry::diagnosis::{ChangeKind, DiagnosisState, JournalLimits, PartKey};
use tenfold_observe::telemetry::{Beginning, Ending, SPAN_LIMIT, Telemetry, Totals, WorkKind};

fn recording() -> (Telemetry, Clock) {
    let clock = Clock::manual(Timestamp::from_second(1_767_225_600).unwrap());
    let telemetry = Telemetry::new(clock.clone());
    telemetry.record_for_why(JournalLimits::default());
    (telemetry, clock)
}

/// A request of an organization, with one statement so often; it is answered with this status.
fn request(telemetry: &Telemetry, organization: u128, times: usize, status: u16) {
    let trace = TraceContext::start_random();
    let work = telemetry.begin(Beginning {
        kind: WorkKind::Request,
        name: "GET /orders".to_owned(),
        trace_id: trace.trace_id,
        span_id: trace.span_id,
        parent: None,
        at: telemetry.clock().now(),
        organization: None,
        job: None,
    });
    telemetry.acts_for(trace.span_id, OrgId(Uuid::from_u128(organization)), None);
    let outcome = if status < 500 { Outcome::Ok } else { Outcome::Failed };
    let site = Location::caller();
    telemetry.transaction(&TransactionRecord {
        boundary: Boundary::Begin,
        trace,
        site,
        elapsed: Duration::from_micros(5),
        outcome: Outcome::Ok,
    });
    for _ in 0..times {
        telemetry.statement(&StatementRecord {
            name: "orders.list".into(),
            module: "orders",
            text: "SELECT 1".into(),
            trace,
            dialect: Dialect::Sqlite,
            site,
            elapsed: Duration::from_micros(10),
            rows: 1,
            said: None,
            outcome,
            by_key: false,
        });
    }
    work.end(Ending::Answered(status), Totals::default());
}

/// Half a minute in which all is well, then ten seconds in which the second organization's requests fail.
fn incident(telemetry: &Telemetry, clock: &Clock) {
    for second in 0..40 {
        request(telemetry, 1, 1, 200);
        request(telemetry, 2, SPAN_LIMIT + 10, if second < 30 { 200 } else { 500 });
        clock.advance(Duration::from_secs(1));
    }
}

#[test]
fn failures_are_blamed_on_their_statement_and_organization() {
    let (telemetry, clock) = recording();
    incident(&telemetry, &clock);
    telemetry.changed(ChangeKind::Setting, "too late".to_owned());
    let answer = telemetry.why(None, clock.now()).expect("it is recorded");
    assert_eq!(answer.state, DiagnosisState::Known, "{}", answer.verdict);
    assert_eq!((&*answer.endpoints[0].name, answer.endpoints[0].errors), ("GET /orders", 10));
    let PartKey::Statement(place) = &answer.parts[0].change.part else { panic!("{:?}", answer.parts) };
    assert_eq!((&*place.name, place.file.ends_with("tests/it/why.rs")), ("orders.list", true));
    // All runs are counted, however few spans are kept.
    assert_eq!(answer.parts[0].change.times.0, (SPAN_LIMIT + 11) as f64 / 2.0);
    assert_eq!(answer.organizations.iter().map(|party| party.id).collect::<Vec<_>>(), [2]);
    assert!(answer.changes.is_empty(), "{:?}", answer.changes);
    let kept = answer.traces.iter().all(|trace| {
        let id = tenfold_data::TraceId::from_bytes(trace.to_be_bytes()).unwrap();
        !telemetry.trace(id).is_empty()
    });
    assert!(kept && !answer.traces.is_empty());
}

#[test]
fn a_change_just_before_the_onset_is_its_cause() {
    let (telemetry, clock) = recording();
    for second in 0..40 {
        if second == 28 {
            telemetry.changed(ChangeKind::Deploy, "shop 2 started".to_owned());
        }
        request(&telemetry, 1, 1, if second < 30 { 200 } else { 500 });
        clock.advance(Duration::from_secs(1));
    }
    let answer = telemetry.why(None, clock.now()).expect("it is recorded");
    assert_eq!((&*answer.changes[0].change.what, answer.changes[0].lead_s), ("shop 2 started", 2.0));
    assert!(answer.verdict.contains("2 s before: shop 2 started"), "{}", answer.verdict);
}

#[test]
fn nothing_is_recorded_unless_it_is_asked_for() {
    let clock = Clock::manual(Timestamp::from_second(1_767_225_600).unwrap());
    let telemetry = Telemetry::new(clock.clone());
    incident(&telemetry, &clock);
    assert_eq!(telemetry.why(None, clock.now()), None);
}
