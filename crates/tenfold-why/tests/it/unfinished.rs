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
    // Those with an answer need not be told apart.
    let trace = if took_us >= 1_000_000 { (at_s as u128) << 64 | u128::from(took_us) } else { 1 };
    WideEvent {
        at_us: at_s * 1_000_000,
        name: name.to_owned(),
        organization: Some(7),
        user: None,
        duration_us: took_us,
        failed: false,
        error: None,
        trace,
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
        "and 14 requests are still running",
        "waiting for a lock held by a session of psql (LOCK …) explains 100 % of the difference",
    ];
    assert!(said.iter().all(|said| answer.verdict.contains(said)), "{}", answer.verdict);
    // A copy was asked.
    assert_eq!(ask(&journal).state, DiagnosisState::NoIncident);
}

#[test]
fn a_lock_is_the_reason_why_others_wait_for_a_connection() {
    let mut journal = journal();
    for second in ONSET_S..NOW_S {
        let mut parts = locked(700_000);
        parts.push(PartUse { part: PartKey::PoolWait, times: 1, time_us: 2_300_000, failed: 0 });
        journal.record(&request("GET /orders", second, 3_000_100, parts));
    }
    let answer = ask(&journal);
    let said = "waiting for a lock held by a session of psql (LOCK …) explains 23 % of the difference";
    assert!(answer.verdict.contains(said), "{}", answer.verdict);
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

/// The journal of an endpoint with `rate` requests a second, and its requests without an answer. `took_ms` says how long a request takes, by
/// its number.
fn mixed(rate: i64, took_ms: impl Fn(i64) -> i64) -> (Journal, Vec<WideEvent>) {
    let (mut journal, mut running) = (Journal::new(JournalLimits::default()), Vec::new());
    let mut ended: Vec<(i64, u64)> = Vec::new();
    for number in 0..rate * (NOW_S - START_S) {
        let began_ms = START_S * 1_000 + number * 1_000 / rate;
        let so_far_ms = NOW_S * 1_000 - began_ms;
        let took_ms = took_ms(number);
        if took_ms < so_far_ms {
            ended.push((began_ms + took_ms, took_ms as u64));
        } else if so_far_ms >= 1_000 {
            let mut unfinished = request("GET /export", 0, so_far_ms as u64 * 1_000, Vec::new());
            (unfinished.at_us, unfinished.trace) = (began_ms * 1_000, 1_000 + number as u128);
            running.push(unfinished);
        }
    }
    ended.sort_unstable();
    for (at_ms, took_ms) in ended {
        journal.record(&request("GET /export", at_ms / 1_000, took_ms * 1_000, Vec::new()));
    }
    (journal, running)
}

#[test]
fn long_requests_as_there_always_are_some_are_no_incident() {
    // Half of a hundred, five of a hundred, one of two hundred, and a tail without an end.
    let tail = |number: i64| (5.0 / (f64::from((number * 7_919 % 10_000) as i32 + 1) / 10_000.0)) as i64;
    let (steady, running) = mixed(20, tail);
    assert!(running.len() < 10, "{}", running.len());
    let answer = ask(&steady.with_unfinished(&running));
    assert_eq!(answer.state, DiagnosisState::NoIncident, "{}", answer.verdict);
    for (one_of, long_ms) in [(2, 3_000), (20, 12_000), (200, 12_000), (400, 30_000)] {
        let (steady, running) = mixed(40, |number| if number % one_of == 0 { long_ms } else { 5 });
        assert!(!running.is_empty());
        let answer = ask(&steady.with_unfinished(&running));
        assert_eq!(answer.state, DiagnosisState::NoIncident, "1 of {one_of}: {}", answer.verdict);
    }
}

#[test]
fn requests_that_have_just_begun_do_not_hide_that_those_before_took_longer() {
    // From two minutes on each takes ten seconds in place of eight.
    let (mut journal, mut running) = (Journal::new(JournalLimits::default()), Vec::new());
    let mut ended: Vec<(i64, u64)> = Vec::new();
    for began in START_S..NOW_S + 60 {
        let long = if began < ONSET_S { 8 } else { 10 };
        if began + long < NOW_S + 60 {
            ended.push((began + long, long as u64 * 1_000_000 + 1_000 * (began % 7) as u64));
        } else {
            running.push(request("GET /report", began, (NOW_S + 60 - began) as u64 * 1_000_000, Vec::new()));
        }
    }
    ended.into_iter().for_each(|(at_s, took_us)| {
        journal.record(&request("GET /report", at_s, took_us, Vec::new()));
    });
    let ask = |journal: &Journal| diagnose(journal, None, (NOW_S + 60) * 1_000_000);
    assert_eq!(&*ask(&journal).endpoints[0].name, "GET /report");
    let answer = ask(&journal.with_unfinished(&running));
    assert_eq!(&*answer.endpoints[0].name, "GET /report", "{}", answer.verdict);
    assert_eq!(answer.since_us, Some(ONSET_S * 1_000_000), "{}", answer.verdict);
}

#[test]
fn a_few_overdue_requests_of_several_endpoints_are_an_incident() {
    let endpoints = ["GET /orders", "GET /invoices", "POST /orders"];
    let mut journal = Journal::new(JournalLimits::default());
    for second in START_S..ONSET_S {
        endpoints.iter().for_each(|name| journal.record(&request(name, second, 1_000, locked(0))));
    }
    let hanging = |names: &[&str]| -> Vec<WideEvent> {
        let one = |(place, name): (usize, &&str)| {
            request(name, ONSET_S, 4_000_000 + place as u64, locked(3_999_900))
        };
        names.iter().enumerate().map(one).collect()
    };
    let now_us = (ONSET_S + 4) * 1_000_000;
    let ask = |names: &[&str]| diagnose(&journal.with_unfinished(&hanging(names)), None, now_us);
    assert_eq!(ask(&endpoints[..2]).state, DiagnosisState::NoIncident, "two may be chance");
    let answer = ask(&endpoints);
    assert_eq!(answer.endpoints.len(), 3, "{answer:#?}");
    assert_eq!(answer.since_us, Some(ONSET_S * 1_000_000));
    assert!(
        answer.verdict.contains("1 request is still running; waiting for a lock held by"),
        "{}",
        answer.verdict
    );
    assert!(answer.confidence < 0.5, "nobody is woken for it");
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
    assert_eq!(answer.since_us, Some(ONSET_S * 1_000_000), "{}", answer.verdict);
}

#[test]
fn requests_that_are_slow_for_another_reason_do_not_move_the_onset() {
    // From the onset on 50 ms in place of five. Two uploads of four minutes end in its first seconds.
    let mut journal = Journal::new(JournalLimits::default());
    for second in START_S..NOW_S + 20 {
        let took_us = if second < ONSET_S { 5_000 } else { 50_000 };
        (0..20).for_each(|_| journal.record(&request("POST /orders", second, took_us, Vec::new())));
        if (ONSET_S..ONSET_S + 2).contains(&second) {
            journal.record(&request("POST /orders", second, 240_000_000, Vec::new()));
        }
    }
    let answer = diagnose(&journal, None, (NOW_S + 20) * 1_000_000);
    assert_eq!(answer.since_us, Some(ONSET_S * 1_000_000), "{}", answer.verdict);
}

#[test]
fn a_request_that_waits_for_its_client_hides_no_incident() {
    let mut journal = Journal::new(JournalLimits::default());
    for second in START_S..NOW_S + 60 {
        let took_us = if second < ONSET_S { 5_000 } else { 15_000 };
        (0..20).for_each(|number| {
            journal.record(&request("POST /orders", second, took_us + 10 * number, Vec::new()));
        });
    }
    for began in [START_S + 20, ONSET_S - 20] {
        let took_us = (NOW_S + 60 - began) as u64 * 1_000_000;
        let upload = [request("POST /orders", began, took_us, Vec::new())];
        let answer = diagnose(&journal.with_unfinished(&upload), None, (NOW_S + 60) * 1_000_000);
        assert_eq!(answer.since_us, Some(ONSET_S * 1_000_000), "{}", answer.verdict);
    }
}

#[test]
fn requests_that_fail_because_they_are_cut_off_tell_what_they_waited_for() {
    // The statement is recorded with its wait, and it is no failure of its own.
    let mut journal = journal();
    for second in ONSET_S + 3..NOW_S + 10 {
        let cut_off = request("GET /orders", second, 3_000_000, locked(2_999_900));
        journal.record(&WideEvent { failed: true, error: Some("the limit".to_owned()), ..cut_off });
    }
    let answer = diagnose(&journal, None, (NOW_S + 10) * 1_000_000);
    let said = "100 % of GET /orders fail instead of 0.0 % since 00:02:00 UTC; waiting for a lock held by a session of psql (LOCK …) explains 100 %";
    assert!(answer.verdict.starts_with(said), "{}", answer.verdict);
}

#[test]
fn a_request_that_ends_while_the_question_is_answered_counts_once() {
    let mut journal = journal();
    let hanging: Vec<WideEvent> =
        (0..6).map(|number| request("GET /orders", ONSET_S + number, 9_000_000, locked(8_999_900))).collect();
    let before = ask(&journal.with_unfinished(&hanging));
    assert_eq!(before.endpoints[0].unfinished, 6);
    hanging.iter().for_each(|request| {
        journal.record(&WideEvent { at_us: NOW_S * 1_000_000, ..request.clone() });
    });
    assert_eq!(ask(&journal.with_unfinished(&hanging)), ask(&journal));
}
