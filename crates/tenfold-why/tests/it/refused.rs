//! Requests that were refused before they ran.

use std::sync::Arc;

use tenfold_why::{
    ChangeKind, Diagnosis, DiagnosisState, Journal, JournalLimits, LedgerChange, PartKey, PartUse,
    RefusedCell, RefusedOf, SavedPage, StatementPlace, WideEvent, diagnose,
};

const START_S: i64 = 1_767_225_600;
/// Two minutes of traffic come before.
const ONSET_S: i64 = START_S + 120;
const USERS: &str = "GET /v1/users";
const TASKS: &str = "GET /v1/tasks";
const USUAL_US: u64 = 5_000;

/// A second: requests that are answered and that are refused, of each organization, and how long the statement takes.
struct Second {
    at_s: i64,
    answered: [u32; 2],
    refused: [u32; 2],
    statement_us: u64,
}

fn request(name: &str, at_s: i64, organization: u128, statement_us: u64) -> WideEvent {
    let place = StatementPlace { name: "users.list".to_owned(), file: "src/users.rs".to_owned(), line: 7 };
    let part = PartKey::Statement(Arc::new(place));
    WideEvent {
        at_us: at_s * 1_000_000,
        name: name.to_owned(),
        organization: Some(organization),
        user: None,
        duration_us: statement_us + 100,
        failed: false,
        error: None,
        trace: 1,
        waited_us: 0,
        parts: vec![PartUse { part, times: 1, time_us: statement_us, failed: 0 }],
    }
}

fn refuse(journal: &mut Journal, name: &str, at_s: i64, organization: u128, count: u32) {
    let cell = RefusedCell { second: at_s as u32, count, for_bytes: 0 };
    if count > 0 {
        journal.record_refused(&RefusedOf::Endpoint(name.to_owned()), cell);
        journal.record_refused(&RefusedOf::Organization(organization), cell);
    }
}

fn record(journal: &mut Journal, Second { at_s, answered, refused, statement_us }: &Second) {
    for (organization, (answered, refused)) in (1..).zip(answered.iter().zip(refused)) {
        (0..*answered).for_each(|_| journal.record(&request(USERS, *at_s, organization, *statement_us)));
        refuse(journal, USERS, *at_s, organization, *refused);
    }
}

/// Two minutes in which two organizations are answered, then so many such seconds.
fn journal(seconds: i64, answered: [u32; 2], refused: [u32; 2], statement_us: u64) -> Journal {
    let mut journal = Journal::new(JournalLimits::default());
    for at_s in START_S..ONSET_S {
        record(&mut journal, &Second { at_s, answered: [5, 5], refused: [0, 0], statement_us: USUAL_US });
    }
    for at_s in ONSET_S..ONSET_S + seconds {
        record(&mut journal, &Second { at_s, answered, refused, statement_us });
    }
    journal
}

fn ask(journal: &Journal, until_s: i64) -> Diagnosis {
    diagnose(journal, None, until_s * 1_000_000)
}

/// No incident, or one that says nothing of refusals.
fn is_silent(journal: &Journal, until_s: i64) {
    let answer = ask(journal, until_s);
    assert!(answer.overload.is_none() && !answer.verdict.contains("refused"), "{answer:#?}");
}

#[test]
fn the_organization_that_sends_too_much_is_named() {
    let journal = journal(30, [5, 55], [0, 145], USUAL_US);
    let answer = ask(&journal, ONSET_S + 29);
    let expected = "71 % of GET /v1/users are refused since 00:02:00 UTC: more requests come than the service can answer; the \
                    organization 00000000-0000-0000-0000-000000000002 sends 98 % of them, 40 times as many as before. \
                    1 organization is affected.";
    assert_eq!(answer.verdict, expected);
    assert_eq!(answer.state, DiagnosisState::Known);
    assert_eq!((answer.endpoints[0].refused, answer.since_us), (30 * 145, Some(ONSET_S * 1_000_000)));
    assert!(answer.confidence > 0.7, "{}", answer.confidence);
    let sender = answer.overload.and_then(|overload| overload.sender).expect("it is named");
    assert_eq!((sender.organization, sender.sent), (Some(2), (5.0, 200.0)));
}

#[test]
fn more_requests_of_all_name_no_organization() {
    let answer = ask(&journal(30, [6, 6], [14, 14], USUAL_US), ONSET_S + 29);
    let expected = "70 % of GET /v1/users are refused since 00:02:00 UTC: more requests come than the service can answer; 40.0 come a \
                    second instead of 10.0. 2 organizations are affected.";
    assert_eq!(answer.verdict, expected);
}

#[test]
fn a_slow_statement_is_the_reason_and_refusals_follow() {
    // The same traffic; half of it can be answered.
    let answer = ask(&journal(30, [2, 2], [3, 3], 10 * USUAL_US), ONSET_S + 29);
    let expected = "GET /v1/users takes 50.1 ms instead of 5.1 ms since 00:02:00 UTC, and 60 % of all requests are refused; the \
                    statement users.list (src/users.rs:7) takes 10.0 times as long: 100 % of the difference. 2 organizations are \
                    affected.";
    assert_eq!(answer.verdict, expected);
    assert_eq!((answer.endpoints.len(), answer.endpoints[0].refused), (1, 180));
}

#[test]
fn what_hangs_is_the_reason_and_is_not_answered() {
    // More hang than were answered before, and the rest is refused.
    let journal = journal(15, [0, 0], [10, 10], USUAL_US);
    let locked = |number: u32| {
        let began_s = ONSET_S + i64::from(number % 15);
        let waited_us = (15 * 1_000_000 - i64::from(number % 15) * 1_000_000) as u64;
        let part = PartKey::LockWait(Some(Arc::from("a session of psql (LOCK …)")));
        let parts = vec![PartUse { part, times: 1, time_us: waited_us, failed: 0 }];
        let trace = u128::from(number) + 2;
        WideEvent { duration_us: waited_us + 100, trace, parts, ..request(USERS, began_s, 1, 0) }
    };
    let hanging: Vec<WideEvent> = (0..300).map(locked).collect();
    let until_us = (ONSET_S + 15) * 1_000_000;
    let answer = diagnose(&journal.with_unfinished(&hanging), None, until_us);
    let says =
        " % of all requests are refused; waiting for a lock held by a session of psql (LOCK …) explains";
    assert!(answer.verdict.contains(says), "{}", answer.verdict);
    assert!(answer.verdict.contains(" requests are still running, and "), "{}", answer.verdict);
}

#[test]
fn clients_that_send_again_do_not_hide_the_slow_statement() {
    let answer = ask(&journal(30, [2, 2], [20, 20], 10 * USUAL_US), ONSET_S + 29);
    assert!(answer.verdict.contains("the statement users.list"), "{}", answer.verdict);
}

#[test]
fn what_is_slower_because_too_many_come_is_told_after_it() {
    // As many are answered as before, and each takes longer beside the others.
    let answer = ask(&journal(30, [5, 15], [0, 60], 4 * USUAL_US), ONSET_S + 29);
    assert!(answer.verdict.starts_with("75 % of GET /v1/users are refused"), "{}", answer.verdict);
    assert!(answer.parts.is_empty() && answer.endpoints.len() == 1, "{answer:#?}");
}

#[test]
fn a_few_refusals_and_a_burst_are_no_incident() {
    let mut burst = journal(60, [5, 5], [0, 0], USUAL_US);
    refuse(&mut burst, USERS, ONSET_S + 59, 1, 100_000);
    is_silent(&burst, ONSET_S + 59);
    let mut slow = journal(60, [5, 5], [0, 0], 10 * USUAL_US);
    refuse(&mut slow, USERS, ONSET_S + 59, 1, 100_000);
    assert!(!ask(&slow, ONSET_S + 59).verdict.contains("refused"), "nor beside something else");
    // 1 of 26 requests.
    is_silent(&journal(60, [12, 13], [0, 1], USUAL_US), ONSET_S + 59);
    // All of them, for nine seconds; or two a second, as long as they are fewer than 20.
    is_silent(&journal(9, [5, 5], [50, 50], USUAL_US), ONSET_S + 8);
    is_silent(&journal(9, [0, 0], [1, 1], USUAL_US), ONSET_S + 8);
    assert_eq!(ask(&journal(10, [5, 5], [50, 50], USUAL_US), ONSET_S + 9).endpoints[0].refused, 1_000);
    assert!(ask(&journal(60, [9, 9], [1, 1], USUAL_US), ONSET_S + 59).overload.is_some(), "it is 10 %");
}

#[test]
fn a_burst_every_ten_seconds_is_no_incident() {
    let mut journal = journal(600, [5, 5], [0, 0], USUAL_US);
    for second in (0..600).step_by(10) {
        refuse(&mut journal, USERS, ONSET_S + second, 1, 500);
    }
    is_silent(&journal, ONSET_S + 599);
}

#[test]
fn refusals_that_are_over_are_no_incident() {
    let mut journal = journal(30, [5, 5], [50, 50], USUAL_US);
    for at_s in ONSET_S + 30..ONSET_S + 60 {
        record(&mut journal, &Second { at_s, answered: [5, 5], refused: [0, 0], statement_us: USUAL_US });
    }
    is_silent(&journal, ONSET_S + 59);
    assert!(ask(&journal, ONSET_S + 29).overload.is_some());
}

#[test]
fn a_process_that_refuses_from_its_start_says_so() {
    let mut journal = Journal::new(JournalLimits::default());
    for at_s in START_S..START_S + 30 {
        record(&mut journal, &Second { at_s, answered: [5, 5], refused: [10, 10], statement_us: USUAL_US });
    }
    let answer = ask(&journal, START_S + 29);
    let expected = "67 % of GET /v1/users are refused since 00:00:00 UTC: more requests come than the service can answer; 30.0 come \
                    a second, and 10.0 are answered. 2 organizations are affected.";
    assert_eq!(answer.verdict, expected);
    is_silent(&journal, START_S + 8);
}

#[test]
fn refusals_over_many_endpoints_are_added_up() {
    let mut journal = Journal::new(JournalLimits::default());
    let names: Vec<String> = (0..30).map(|number| format!("GET /v1/things/{number}")).collect();
    for second in 0..150 {
        for name in &names {
            journal.record(&request(name, START_S + second, 1, USUAL_US));
        }
        if second >= 120 {
            // Each endpoint has one in three seconds, so no more than ten.
            for name in names.iter().skip(second as usize % 3).step_by(3) {
                refuse(&mut journal, name, START_S + second, 1, 1);
            }
        }
    }
    let answer = ask(&journal, ONSET_S + 29);
    assert_eq!((answer.endpoints.len(), answer.endpoints[0].refused), (1, 10), "{answer:#?}");
}

#[test]
fn a_refusal_for_bytes_says_so() {
    let mut journal = journal(30, [5, 5], [0, 0], USUAL_US);
    for at_s in ONSET_S..ONSET_S + 30 {
        let cell = RefusedCell { second: at_s as u32, count: 10, for_bytes: 10 };
        journal.record_refused(&RefusedOf::Endpoint(USERS.to_owned()), cell);
        journal.record_refused(&RefusedOf::Organization(1), cell);
    }
    let answer = ask(&journal, ONSET_S + 29);
    assert!(answer.verdict.contains("than http.buffer_limit allows"), "{}", answer.verdict);
}

#[test]
fn a_surge_of_the_sender_is_not_told_twice() {
    let mut journal = journal(30, [5, 55], [0, 145], USUAL_US);
    let what = "a setting".to_owned();
    journal.changes_mut().add(LedgerChange::new(ChangeKind::Setting, what, (ONSET_S - 2) * 1_000_000));
    let answer = ask(&journal, ONSET_S + 29);
    assert!(answer.changes[0].change.kind == ChangeKind::Surge, "{:#?}", answer.changes);
    assert!(!answer.verdict.contains("rose") && !answer.verdict.contains("setting"), "{}", answer.verdict);
}

#[test]
fn refusals_of_two_processes_are_put_together() {
    let half = journal(30, [3, 25], [0, 70], USUAL_US);
    let page: SavedPage = half.save(0, u32::MAX);
    let both = Journal::of([page.clone(), page]);
    let answer = ask(&both, ONSET_S + 29);
    assert_eq!(answer.endpoints[0].refused, 2 * 30 * 70, "{answer:#?}");
    let sender = answer.overload.and_then(|overload| overload.sender).expect("it is named");
    assert_eq!(sender.organization, Some(2));
    assert!((sender.sent.1 - 190.0).abs() < 60.0, "of the answered ones some are kept: {sender:?}");
}

#[test]
fn the_organizations_with_most_refusals_are_remembered() {
    let mut journal = Journal::new(JournalLimits::default());
    for second in 0..60 {
        for organization in 0..200 {
            refuse(&mut journal, TASKS, START_S + second, 10 + organization, 1);
        }
        refuse(&mut journal, TASKS, START_S + second, 7, 300);
    }
    assert!(journal.series() < 40, "{}", journal.series());
    let answer = ask(&journal, START_S + 59);
    let sender = answer.overload.and_then(|overload| overload.sender).expect("it is named");
    assert_eq!(sender.organization, Some(7));
}
