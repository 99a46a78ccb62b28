//! Jobs that wait longer in their queue.

use tenfold_why::{
    Diagnosis, DiagnosisState, Journal, JournalLimits, QueueWait, SavedPage, WideEvent, diagnose,
};

const NOW_S: i64 = 1_700_000_000;
const MAIL: &str = "mail.send";
const REPORT: &str = "reports.make";

fn wait(second: i64, kind: &str, waited_ms: u64) -> QueueWait {
    QueueWait {
        at_us: (NOW_S + second) * 1_000_000,
        kind: kind.to_owned(),
        queue: "default".to_owned(),
        waited_us: waited_ms * 1_000,
    }
}

/// A job that waited, began, and is done.
fn job(journal: &mut Journal, (second, kind): (i64, &str), organization: u128, [waited_ms, ms]: [u64; 2]) {
    journal.record_wait(&wait(second, kind, waited_ms));
    journal.record(&WideEvent {
        at_us: (NOW_S + second) * 1_000_000,
        name: kind.to_owned(),
        organization: Some(organization),
        user: None,
        duration_us: ms * 1_000,
        failed: false,
        error: None,
        trace: 1,
        waited_us: waited_ms * 1_000,
        parts: Vec::new(),
    });
}

/// Five minutes in which mails and reports of two organizations run at once, then half a minute in which their mails wait so long. It is
/// long enough for the beginning of the traffic to be no change just before.
fn journal(waited_ms: [u64; 2]) -> Journal {
    journal_with(waited_ms, 900)
}

fn journal_with(waited_ms: [u64; 2], report_ms: u64) -> Journal {
    let mut journal = Journal::new(JournalLimits::default());
    for second in 0..330 {
        let waited_ms = if second < 300 { [20, 30] } else { waited_ms };
        job(&mut journal, (second, MAIL), 1, [waited_ms[0], 5]);
        job(&mut journal, (second, MAIL), 2, [waited_ms[1], 5]);
        job(&mut journal, (second, REPORT), 1, [10, report_ms]);
    }
    journal
}

fn asked(journal: &Journal, until_s: i64) -> Diagnosis {
    diagnose(journal, None, (NOW_S + until_s) * 1_000_000)
}

#[test]
fn a_queue_that_backs_up_names_what_keeps_it_busy() {
    let answer = asked(&journal([40_000, 40_000]), 330);
    assert_eq!(answer.state, DiagnosisState::Known, "{}", answer.verdict);
    let expected = "mail.send waits 40.0 s instead of 25.0 ms in the queue default since 22:18:20 UTC; its workers are busy \
                    with jobs of the kind reports.make (99 %). 2 organizations are affected.";
    assert_eq!(answer.verdict, expected);
    let found = &answer.endpoints[0];
    assert_eq!((&*found.name, found.queue.as_deref(), answer.endpoints.len()), (MAIL, Some("default"), 1));
    assert!(answer.confidence > 0.7, "{}", answer.confidence);
}

#[test]
fn only_the_organization_whose_jobs_wait_is_affected() {
    let answer = asked(&journal([20, 60_000]), 330);
    assert_eq!(answer.endpoints[0].queue.as_deref(), Some("default"), "{}", answer.verdict);
    assert_eq!(answer.organizations.iter().map(|party| party.id).collect::<Vec<_>>(), [2]);
}

#[test]
fn waits_of_a_few_seconds_are_what_a_queue_is_for() {
    let answer = asked(&journal([4_000, 4_000]), 330);
    assert_eq!(answer.state, DiagnosisState::NoIncident, "{}", answer.verdict);
}

#[test]
fn a_job_that_is_slow_itself_comes_before_the_waits_that_it_causes() {
    let mut journal = Journal::new(JournalLimits::default());
    for second in 0..90 {
        let (report_ms, waited_ms) = if second < 60 { (90, 10) } else { (900, 50_000) };
        job(&mut journal, (second, MAIL), 1, [waited_ms, 5]);
        job(&mut journal, (second, REPORT), 1, [waited_ms, report_ms]);
    }
    let answer = asked(&journal, 90);
    let found: Vec<(&str, Option<&str>)> =
        answer.endpoints.iter().map(|found| (&*found.name, found.queue.as_deref())).collect();
    assert_eq!(found[0], (REPORT, None), "{}", answer.verdict);
    assert!(found.contains(&(MAIL, Some("default"))), "{found:?}");
    // The wait is no part of the duration.
    assert_eq!((answer.endpoints[0].before_ms, answer.endpoints[0].now_ms), (90.0, 900.0));
}

#[test]
fn jobs_that_wait_while_none_begins_are_noticed() {
    let mut journal = journal([20, 30]);
    for look in 1..=12 {
        journal.record_wait(&wait(330 + 10 * look, MAIL, 10_000 * look as u64));
    }
    journal.set_running(vec![(REPORT.to_owned(), 400_000.0)]);
    let answer = asked(&journal, 451);
    assert_eq!(answer.endpoints[0].queue.as_deref(), Some("default"), "{}", answer.verdict);
    assert!(answer.verdict.contains("busy with jobs of the kind reports.make"), "{}", answer.verdict);
}

#[test]
fn workers_that_have_time_are_not_called_busy() {
    let answer = asked(&journal_with([40_000, 40_000], 90), 330);
    assert_eq!(answer.state, DiagnosisState::CauseUnknown, "{}", answer.verdict);
    assert!(!answer.verdict.contains("busy"), "{}", answer.verdict);
}

#[test]
fn a_queue_in_which_nothing_ended_is_known_by_its_waits() {
    let mut journal = Journal::new(JournalLimits::default());
    for look in 0..40 {
        let waited_ms = if look < 20 { 100 } else { 10_000 * (look - 19) };
        journal.record_wait(&wait(10 * look, MAIL, waited_ms as u64));
    }
    let answer = asked(&journal, 391);
    assert_eq!(answer.endpoints[0].queue.as_deref(), Some("default"), "{}", answer.verdict);
}

#[test]
fn waits_are_saved_with_their_page() {
    let saved: SavedPage = journal([40_000, 40_000]).save(0, u32::MAX);
    let answer = asked(&Journal::of([saved]), 330);
    assert_eq!(answer.endpoints[0].queue.as_deref(), Some("default"), "{}", answer.verdict);
}
