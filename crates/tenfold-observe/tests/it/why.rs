//! What telemetry records for the question what is wrong.

use std::panic::Location;
use std::time::Duration;

use tenfold_data::{
    Boundary, Clock, DatabaseWaits, Dialect, LockHolder, OrgId, Outcome, StatementRecord, Timestamp,
    TraceContext, TransactionRecord, Uuid,
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
    let work =
        telemetry.begin(Beginning::of_request("GET /orders".to_owned(), trace, telemetry.clock().now()));
    telemetry.acts_for(trace.span_id, OrgId(Uuid::from_u128(organization)), None);
    let outcome = if status < 500 { Outcome::Ok } else { Outcome::Failed };
    let site = Location::caller();
    telemetry.transaction(&TransactionRecord {
        boundary: Boundary::Begin,
        trace,
        site,
        elapsed: Duration::from_micros(5),
        statements: Duration::ZERO,
        waits: DatabaseWaits::default(),
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
            waits: DatabaseWaits::default(),
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

/// A request that changes orders in a transaction, and waits so before it.
fn waiting_request(telemetry: &Telemetry, waits: &DatabaseWaits) {
    let trace = TraceContext::start_random();
    let work =
        telemetry.begin(Beginning::of_request("POST /orders".to_owned(), trace, telemetry.clock().now()));
    // How long a request takes is real.
    let until = std::time::Instant::now() + waits.sum();
    while std::time::Instant::now() < until {
        std::thread::yield_now();
    }
    telemetry.statement(&StatementRecord {
        name: "orders.change".into(),
        module: "orders",
        text: "UPDATE orders".into(),
        trace,
        dialect: Dialect::Postgres,
        site: Location::caller(),
        elapsed: waits.sum() + Duration::from_micros(10),
        waits: waits.clone(),
        rows: 1,
        by_key: false,
        said: None,
        outcome: Outcome::Ok,
    });
    work.end(Ending::Answered(200), Totals::default());
}

/// The verdict, and the waits, after ten seconds of requests that wait.
fn verdict_of(waits: &DatabaseWaits) -> (String, PartKey) {
    let (telemetry, clock) = recording();
    for second in 0..40 {
        waiting_request(&telemetry, if second < 30 { const { &NO_WAITS } } else { waits });
        clock.advance(Duration::from_secs(1));
    }
    let answer = telemetry.why(None, clock.now()).expect("it is recorded");
    let summary = telemetry.statements(60).remove(0).summary;
    assert!(summary.total < Duration::from_millis(5), "waits are not the statement's time: {summary:?}");
    (answer.verdict, answer.parts[0].change.part.clone())
}

const NO_WAITS: DatabaseWaits =
    DatabaseWaits { connection: Duration::ZERO, writer: Duration::ZERO, lock: Duration::ZERO, holder: None };

#[test]
fn a_wait_is_told_from_the_statement_and_names_what_had_it() {
    let took = Duration::from_millis(60);
    let site = Location::caller();
    let holder = Some(LockHolder::Transaction(site));
    let (verdict, part) = verdict_of(&DatabaseWaits { lock: took, holder: holder.clone(), ..NO_WAITS });
    let place = format!("waiting for a lock held by the transaction at {}:{}", site.file(), site.line());
    assert!(verdict.contains(&place), "{verdict}");
    assert!(matches!(part, PartKey::LockWait(Some(_))), "{part:?}");
    let (verdict, _) = verdict_of(&DatabaseWaits { writer: took, holder, ..NO_WAITS });
    assert!(verdict.contains("waiting for SQLite's writer held by the transaction at"), "{verdict}");
    let (verdict, part) = verdict_of(&DatabaseWaits { connection: took, ..NO_WAITS });
    assert!(verdict.contains("waiting for a connection explains"), "{verdict}");
    assert_eq!(part, PartKey::PoolWait);
}

/// The verdict after ten seconds of requests that were admitted late, or whose handler began late.
fn verdict_of_late(queued: Duration, scheduled: Duration) -> (String, PartKey) {
    let (telemetry, clock) = recording();
    for second in 0..40 {
        let trace = TraceContext::start_random();
        let (queued, scheduled) = if second < 30 { Default::default() } else { (queued, scheduled) };
        let beginning = Beginning {
            kind: WorkKind::Request,
            name: "GET /orders".to_owned(),
            trace_id: trace.trace_id,
            span_id: trace.span_id,
            parent: None,
            at: telemetry.clock().now(),
            organization: None,
            job: None,
        };
        let arrived = std::time::Instant::now().checked_sub(queued + scheduled).expect("the machine is up");
        telemetry.begin_arrived(beginning, arrived, queued).end(Ending::Answered(200), Totals::default());
        clock.advance(Duration::from_secs(1));
    }
    let answer = telemetry.why(None, clock.now()).expect("it is recorded");
    (answer.verdict, answer.parts[0].change.part.clone())
}

#[test]
fn a_request_that_waits_before_its_handler_says_for_what() {
    let took = Duration::from_secs(2);
    let (verdict, part) = verdict_of_late(took, Duration::ZERO);
    assert!(verdict.contains("waiting to be admitted explains"), "{verdict}");
    assert_eq!(part, PartKey::AdmissionWait);
    let (verdict, part) = verdict_of_late(Duration::ZERO, took);
    assert!(verdict.contains("waiting for a thread explains"), "{verdict}");
    assert_eq!(part, PartKey::SchedulerWait);
}
