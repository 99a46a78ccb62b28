//! Requests that have no answer yet, and such that took long.

use std::sync::Arc;

use tenfold_why::{
    Diagnosis, DiagnosisState, Journal, JournalLimits, PartKey, PartUse, StatementPlace, WideEvent, diagnose,
};

const START_S: i64 = 1_767_225_600;
/// The first second in which requests have no answer.
const ONSET_S: i64 = START_S + 120;
const NOW_S: i64 = ONSET_S + 15;

fn request(name: &str, at_s: i64, took_us: u64, parts: Vec<PartUse>) -> WideEvent {
    WideEvent {
        at_us: at_s * 1_000_000,
        name: name.to_owned(),
        organization: Some(7),
        user: None,
        duration_us: took_us,
        failed: false,
        error: None,
        trace: 1,
        waited_us: 0,
        parts,
    }
}

/// What a request does that has waited for a lock for so long.
fn locked(waited_us: u64) -> Vec<PartUse> {
    let place = StatementPlace { name: "orders.list".to_owned(), file: "orders.rs".to_owned(), line: 7 };
    let lock = PartKey::LockWait(Some(Arc::from("a session of psql (LOCK …)")));
    let part = |part, time_us| PartUse { part, times: 1, time_us, failed: 0 };
    vec![part(PartKey::Statement(Arc::new(place)), 100), part(lock, waited_us)]
}

/// Two minutes of quick requests; then those for orders have no answer, and the others have one.
fn journal() -> Journal {
    let mut journal = Journal::new(JournalLimits::default());
    for second in START_S..NOW_S {
        journal.record(&request("GET /health", second, 900, Vec::new()));
        if second < ONSET_S {
            journal.record(&request("GET /orders", second, 1_000, locked(0)));
        }
    }
    journal
}

fn ask(journal: &Journal) -> Diagnosis {
    diagnose(journal, None, NOW_S * 1_000_000)
}

#[test]
fn what_hangs_is_an_incident_with_what_it_waits_for() {
    // In no order, as a process finds them.
    let seconds = (0..14).map(|step| ONSET_S + (5 * step) % 14);
    let hanging: Vec<WideEvent> = seconds
        .map(|second| {
            let took_us = (NOW_S - second) as u64 * 1_000_000;
            request("GET /orders", second, took_us, locked(took_us - 100))
        })
        .collect();
    let journal = journal();
    assert_eq!(ask(&journal).state, DiagnosisState::NoIncident, "by what has ended nothing is wrong");
    let answer = ask(&journal.with_unfinished(&hanging));
    assert_eq!(answer.endpoints.len(), 1, "{answer:#?}");
    assert_eq!((&*answer.endpoints[0].name, answer.endpoints[0].unfinished), ("GET /orders", 14));
    assert_eq!(answer.since_us, Some(ONSET_S * 1_000_000));
    let said = [
        "and 14 requests have no answer yet",
        "waiting for a lock, which a session of psql (LOCK …) has explains 100 % of the difference",
    ];
    assert!(said.iter().all(|said| answer.verdict.contains(said)), "{}", answer.verdict);
    // A copy was asked.
    assert_eq!(ask(&journal).state, DiagnosisState::NoIncident);
}

#[test]
fn requests_that_take_a_while_as_they_always_did_are_no_incident() {
    let mut journal = Journal::new(JournalLimits::default());
    (START_S..NOW_S).for_each(|second| {
        journal.record(&request("GET /report", second, 8_000_000, Vec::new()));
    });
    let running: Vec<WideEvent> = (NOW_S - 8..NOW_S)
        .map(|second| request("GET /report", second, (NOW_S - second) as u64 * 1_000_000, Vec::new()))
        .collect();
    let answer = ask(&journal.with_unfinished(&running));
    assert_eq!(answer.state, DiagnosisState::NoIncident, "{}", answer.verdict);
}

#[test]
fn the_onset_is_when_what_took_long_began() {
    // From the onset on each takes ten seconds, and then its client has left.
    let mut journal = journal();
    for second in ONSET_S + 10..NOW_S + 10 {
        journal.record(&request("GET /health", second, 900, Vec::new()));
        journal.record(&request("GET /orders", second, 10_000_000, locked(9_999_900)));
    }
    let answer = diagnose(&journal, None, (NOW_S + 10) * 1_000_000);
    assert_eq!(&*answer.endpoints[0].name, "GET /orders");
    // The first of them may have been an exception.
    assert_eq!(answer.since_us, Some((ONSET_S + 1) * 1_000_000), "{}", answer.verdict);
}
