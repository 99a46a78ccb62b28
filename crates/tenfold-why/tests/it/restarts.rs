//! Processes that end again and again, and are started anew.

use incidents::{FaultKind, LATER_S, START_S, World};
use tenfold_why::{ChangeKind, Diagnosis, LedgerChange, diagnose, loop_starts, with_loops_as_one};

const SETTING: &str = "http.deadline changed";

fn start(what: &str, at_s: i64) -> LedgerChange {
    LedgerChange::new(ChangeKind::Deploy, what.to_owned(), at_s * 1_000_000)
}

fn setting(at_s: i64) -> LedgerChange {
    LedgerChange::new(ChangeKind::Setting, SETTING.to_owned(), at_s * 1_000_000)
}

/// The answer to a statement that is slow after these changes, which are given by the second of the onset. Nobody asks while the processes
/// end again and again.
fn answer(changes: impl FnOnce(i64) -> Vec<LedgerChange>) -> Diagnosis {
    let mut world = World::new(23, 20.0);
    let fault = world.choose(FaultKind::SlowStatement, START_S + 1_500);
    for second in (START_S..START_S + 600).chain(fault.onset_s..fault.onset_s + LATER_S) {
        world.second(second, 1.0, Some(&fault));
    }
    changes(fault.onset_s).into_iter().for_each(|change| world.journal.changes_mut().add(change));
    diagnose(&world.journal, None, (fault.onset_s + LATER_S) * 1_000_000)
}

/// Twenty-one starts, the last of them two seconds before the onset.
fn crash_loop(what: &str, onset: i64) -> impl Iterator<Item = LedgerChange> {
    (0..21).rev().map(move |left| start(what, onset - 2 - 30 * left))
}

fn told(answer: &Diagnosis) -> Vec<&str> {
    // That requests come again is a surge.
    let others = answer.changes.iter().filter(|found| found.change.kind != ChangeKind::Surge);
    others.map(|found| &*found.change.what).collect()
}

#[test]
fn a_crash_loop_does_not_hide_the_setting_that_began_it() {
    let answer = answer(|onset| {
        let before = [start("app 1 started", onset - 1_400), setting(onset - 602)];
        before.into_iter().chain(crash_loop("app 1 started", onset)).collect()
    });
    assert_eq!(told(&answer), [SETTING, "app 1 started (21 times)"], "{:#?}", answer.changes);
    assert!(answer.verdict.contains(SETTING), "{}", answer.verdict);
}

#[test]
fn a_version_that_ends_again_and_again_is_one_change() {
    let answer = answer(|onset| {
        let before = [start("app 1 started", onset - 1_400)];
        let paused = LedgerChange::new(
            ChangeKind::Schedule,
            "the queue was paused".to_owned(),
            (onset - 60) * 1_000_000,
        );
        before.into_iter().chain(crash_loop("app 2 started", onset)).chain([paused]).collect()
    });
    assert_eq!(told(&answer), ["app 2 started (21 times)", "the queue was paused"], "{:#?}", answer.changes);
    assert!(answer.changes[0].lead_s < 10.0, "{:#?}", answer.changes);
}

#[test]
fn a_loop_is_of_the_same_text_within_minutes() {
    let changes = [start("a", 0), start("a", 300), start("a", 661), start("b", 700), start("a", 710)];
    assert_eq!(loop_starts(&changes), [0, 0, 2, 3, 4]);
    // What brings a setting is something else than the start before.
    let changes = [start("a", 0), start("a", 30), setting(31), start("a", 60), start("a", 90), setting(400)];
    assert_eq!(loop_starts(&changes), [0, 1, 2, 1, 1, 5]);
    let shown: Vec<String> = with_loops_as_one(changes.to_vec()).iter().map(LedgerChange::text).collect();
    assert_eq!(shown, ["a", "a (3 times)", SETTING, SETTING]);
}
