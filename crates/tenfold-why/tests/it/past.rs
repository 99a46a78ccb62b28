//! What is over: an outage from which an endpoint has recovered, not always wholly.

use std::sync::Arc;

use tenfold_why::{Diagnosis, DiagnosisState, Journal, JournalLimits, PartKey, PartUse, WideEvent, diagnose};

const START_S: i64 = 1_767_225_600;

/// So many seconds in which each request takes so long, of which it waits for a lock.
type Span = (i64, u64, u64);

/// Two requests a second, whose durations vary a little, one span after the other. Gives the second after the last one.
fn journal(spans: &[Span]) -> (Journal, i64) {
    let mut journal = Journal::new(JournalLimits::default());
    let mut at_s = START_S;
    for (seconds, took_us, locked_us) in spans {
        for number in 0..2 * seconds {
            let lock = PartKey::LockWait(Some(Arc::from("a session of psql")));
            let parts = vec![PartUse { part: lock, times: 1, time_us: *locked_us, failed: 0 }];
            let vary = 95 + (number * 7 % 11) as u64;
            journal.record(&WideEvent {
                at_us: (at_s + number / 2) * 1_000_000,
                name: "GET /files".to_owned(),
                organization: Some(7),
                user: None,
                duration_us: took_us * vary / 100,
                failed: false,
                error: None,
                trace: u128::from(*took_us),
                waited_us: 0,
                parts,
            });
        }
        at_s += seconds;
    }
    (journal, at_s)
}

fn ask((journal, now_s): &(Journal, i64)) -> Diagnosis {
    diagnose(journal, None, now_s * 1_000_000)
}

const USUAL: Span = (300, 2_000, 0);
const OUTAGE: Span = (60, 50_000, 48_000);

#[test]
fn an_outage_that_left_requests_a_little_slower_is_over() {
    for after_s in [60, 300, 1_800, 3_600] {
        for little_slower_us in [2_000, 2_300, 2_900] {
            let answer = ask(&journal(&[USUAL, OUTAGE, (after_s, little_slower_us, 0)]));
            assert_eq!(answer.state, DiagnosisState::NoIncident, "{after_s}: {}", answer.verdict);
        }
    }
    let answer = ask(&journal(&[USUAL, OUTAGE]));
    assert!(answer.verdict.contains("takes 50.0 ms instead of 2.0 ms"), "{}", answer.verdict);
}

#[test]
fn what_remains_of_an_outage_is_told_with_what_it_is_now() {
    for after_s in [60, 300, 1_800] {
        let answer = ask(&journal(&[USUAL, OUTAGE, (after_s, 6_000, 0)]));
        let [endpoint] = &answer.endpoints[..] else { panic!("{after_s}: {}", answer.verdict) };
        assert!(
            (5.8..6.2).contains(&endpoint.now_ms) && (1.9..2.1).contains(&endpoint.before_ms),
            "{endpoint:?}"
        );
        assert_eq!(answer.since_us, Some((START_S + 300) * 1_000_000), "it never was as before");
        assert!(!answer.verdict.contains("lock"), "{}", answer.verdict);
        assert!(!answer.traces.contains(&50_000) && !answer.traces.is_empty(), "{:?}", answer.traces);
    }
}

#[test]
fn an_incident_after_an_outage_is_compared_with_what_is_usual() {
    let answer = ask(&journal(&[USUAL, OUTAGE, (600, 2_000, 0), (60, 6_000, 0)]));
    let [endpoint] = &answer.endpoints[..] else { panic!("{}", answer.verdict) };
    assert!(
        (5.8..6.2).contains(&endpoint.now_ms) && (1.9..2.1).contains(&endpoint.before_ms),
        "{endpoint:?}"
    );
    assert_eq!(answer.since_us, Some((START_S + 960) * 1_000_000));
}

#[test]
fn a_short_stall_hides_nothing_and_is_not_told() {
    let stall: Span = (3, 3_000_000, 2_900_000);
    let answer = ask(&journal(&[USUAL, stall, (300, 2_200, 0)]));
    assert_eq!(answer.state, DiagnosisState::NoIncident, "{}", answer.verdict);
    let answer = ask(&journal(&[USUAL, stall, (300, 6_000, 0)]));
    let [endpoint] = &answer.endpoints[..] else { panic!("{}", answer.verdict) };
    assert!((5.8..6.2).contains(&endpoint.now_ms), "{endpoint:?}");
}

#[test]
fn an_incident_whose_requests_stopped_says_since_when() {
    let (journal, end_s) = journal(&[USUAL, OUTAGE]);
    let said = ", and none has ended since 00:05:59";
    let answer = diagnose(&journal, None, (end_s + 50) * 1_000_000);
    assert!(!answer.verdict.contains(said) && answer.verdict.contains("50.0 ms"), "{}", answer.verdict);
    let answer = diagnose(&journal, None, (end_s + 70) * 1_000_000);
    assert!(answer.verdict.contains(said), "{}", answer.verdict);
}
