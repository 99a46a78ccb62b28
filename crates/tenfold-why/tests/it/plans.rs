use incidents::{FaultKind, InjectedFault, LATER_S, START_S, World};
use tenfold_why::{ChangeKind, Diagnosis, LedgerChange, PartKey, diagnose, names_word, plan_change};

#[test]
fn a_changed_plan_is_told_by_its_indexes_and_tables() {
    let of_sqlite = [
        ("SEARCH notes USING INDEX notes_by_day (day=?)", "SCAN notes", "index notes_by_day → scan of notes"),
        (
            "SEARCH n USING COVERING INDEX notes_by_day (day=?)\nUSE TEMP B-TREE FOR ORDER BY",
            "SEARCH n USING PRIMARY KEY (org_id=?)",
            "index notes_by_day → key of n",
        ),
        (
            "SCAN a\nSEARCH b USING INDEX b_x (x=?)",
            "SCAN b\nSEARCH a USING INDEX a_x (x=?)",
            "scan of a, index b_x → scan of b, index a_x",
        ),
        (
            "SCAN notes",
            "SCAN notes\nUSE TEMP B-TREE FOR ORDER BY",
            "SCAN notes → USE TEMP B-TREE FOR ORDER BY",
        ),
    ];
    let of_postgres = [
        (
            "Aggregate\n  ->  Bitmap Heap Scan on notes\n        ->  Bitmap Index Scan on notes_by_day\n              Index Cond: (day = $1)",
            "Aggregate\n  ->  Gather\n        ->  Parallel Seq Scan on notes n\n              Filter: (day = $1)",
            "index notes_by_day → scan of notes",
        ),
        ("Index Scan using a on t", "Index Only Scan Backward using b on t", "index a → index b"),
        ("Hash Join\n  ->  Seq Scan on t", "Nested Loop\n  ->  Seq Scan on t", "Hash Join → Nested Loop"),
        ("Insert on t\n  ->  Result", "Insert on t\n  ->  Values Scan", "Result → Values Scan"),
    ];
    for (before, now, told) in of_sqlite.into_iter().chain(of_postgres) {
        assert_eq!(plan_change(before, now).as_deref(), Some(told));
        assert_eq!(plan_change(now, now), None);
    }
}

#[test]
fn a_name_is_a_word_of_its_own() {
    let plan = "SEARCH notes USING INDEX notes_by_day (day=?)";
    assert!(names_word(plan, "notes") && names_word(plan, "notes_by_day") && names_word(plan, "day"));
    assert!(
        !names_word(plan, "notes_by") && !names_word(plan, "by_day") && !names_word("notes_by_day", "notes")
    );
}

/// An incident of a statement that takes longer, with these changes beside it, and where the statement is.
fn answer(changes: impl Fn(&InjectedFault, &str) -> Vec<LedgerChange>) -> Diagnosis {
    let mut world = World::new(31, 20.0);
    let fault = world.choose(FaultKind::IndexDropped, START_S + 600);
    let PartKey::Statement(place) = fault.part.clone() else { panic!("the fault is in a statement") };
    for second in START_S..fault.onset_s + LATER_S {
        world.second(second, 1.0, Some(&fault));
    }
    for change in changes(&fault, &place.name) {
        world.journal.changes_mut().add(change);
    }
    diagnose(&world.journal, None, (fault.onset_s + LATER_S) * 1_000_000)
}

fn change(kind: ChangeKind, what: &str, at_s: i64) -> LedgerChange {
    LedgerChange::new(kind, what.to_owned(), at_s * 1_000_000)
}

#[test]
fn the_plan_of_the_slow_statement_beats_a_near_start() {
    let answer = answer(|fault, statement| {
        let (start, late) =
            (change(ChangeKind::Deploy, "app 2 started", fault.onset_s - 1), fault.onset_s + 80);
        let plan = LedgerChange {
            unseen_us: Some((fault.onset_s - 500) * 1_000_000),
            statements: Some(vec![statement.to_owned()]),
            ..change(ChangeKind::Plan, "the plan changed", late)
        };
        vec![start, plan]
    });
    let [first, second] = &answer.changes[..] else { panic!("{:#?}", answer.changes) };
    assert_eq!((&*first.change.what, first.lead_s), ("the plan changed", 0.0));
    assert!(first.score > 0.8 && second.score < 0.2, "{:#?}", answer.changes);
    let (_, told) =
        answer.verdict.split_once("; between ").expect("it does not say that it was at that moment");
    assert!(told.contains(" and ") && told.contains(" UTC: the plan changed"), "{}", answer.verdict);
}

#[test]
fn a_plan_that_changed_some_time_in_days_is_not_blamed() {
    let drifted = |fault: &InjectedFault, statement: &str| LedgerChange {
        unseen_us: Some((fault.onset_s - 2 * 86_400) * 1_000_000),
        statements: Some(vec![statement.to_owned()]),
        ..change(ChangeKind::Plan, "the plan changed", fault.onset_s + 20)
    };
    let alone = answer(|fault, statement| vec![drifted(fault, statement)]);
    assert!(!alone.verdict.contains("the plan changed"), "{}", alone.verdict);
    assert_eq!(alone.changes.len(), 1, "it is listed all the same");
    let beside = answer(|fault, statement| {
        let start = change(ChangeKind::Deploy, "app 2 started", fault.onset_s - 1);
        vec![drifted(fault, statement), start]
    });
    assert!(beside.verdict.contains("app 2 started"), "{}", beside.verdict);
}

#[test]
fn the_plan_of_another_statement_is_not_blamed() {
    let answer = answer(|fault, _| {
        let plan = change(ChangeKind::Plan, "another plan changed", fault.onset_s - 1);
        let start = change(ChangeKind::Deploy, "app 2 started", fault.onset_s - 1);
        vec![LedgerChange { statements: Some(vec!["another.statement".to_owned()]), ..plan }, start]
    });
    assert_eq!(answer.changes[0].change.what, "app 2 started");
    assert!(answer.changes[1].score < 0.2, "{:#?}", answer.changes);
}

#[test]
fn what_was_noticed_later_may_have_been_at_the_onset() {
    let leads = answer(|fault, _| {
        let noticed = |what: &str, unseen_s: i64, at_s: i64| LedgerChange {
            unseen_us: Some((fault.onset_s + unseen_s) * 1_000_000),
            ..change(ChangeKind::Schema, what, fault.onset_s + at_s)
        };
        vec![noticed("around", -30, 30), noticed("before", -90, -40), noticed("after", 30, 60)]
    });
    let leads: Vec<_> = leads.changes.iter().map(|found| (&*found.change.what, found.lead_s)).collect();
    assert_eq!(leads[0], ("around", 0.0));
    assert!(leads.len() == 2 && leads[1].0 == "before" && (38.0..=42.0).contains(&leads[1].1), "{leads:?}");
}

#[test]
fn a_start_after_which_all_went_well_is_not_blamed() {
    let at = |lead_s: i64| {
        answer(|fault, _| vec![change(ChangeKind::Deploy, "app 2 started", fault.onset_s - lead_s)])
    };
    let (near, far) = (at(3), at(45));
    assert!(near.verdict.contains("app 2 started"), "{}", near.verdict);
    assert!(!far.verdict.contains("app 2 started"), "{}", far.verdict);
    assert_eq!(far.changes.len(), 1, "it is listed all the same");
}

#[test]
fn a_changed_setting_beats_the_restart_that_brought_it() {
    let answer = answer(|fault, _| {
        let start = |at_s| change(ChangeKind::Deploy, "app 1 started", at_s);
        let setting = change(ChangeKind::Setting, "http.deadline changed", fault.onset_s - 2);
        vec![start(fault.onset_s - 500), start(fault.onset_s - 2), setting]
    });
    let told: Vec<_> = answer.changes.iter().map(|found| &*found.change.what).collect();
    assert_eq!(told, ["http.deadline changed", "app 1 started"]);
}

#[test]
fn a_version_that_returns_is_no_restart() {
    let answer = answer(|fault, _| {
        let start = |what: &str, at_s| change(ChangeKind::Deploy, what, fault.onset_s + at_s);
        let setting = change(ChangeKind::Setting, "http.deadline changed", fault.onset_s - 2);
        vec![start("app 1 started", -500), start("app 2 started", -300), start("app 1 started", -2), setting]
    });
    assert_eq!(answer.changes[0].change.what, "app 1 started");
}

/// What is named first of a setting that changed with a start of build 2, which replaced build 1 so many seconds before the onset.
fn first_named_after(replaced_s: i64) -> String {
    let answer = answer(|fault, _| {
        let start = |what: &str, at_s| change(ChangeKind::Deploy, what, fault.onset_s + at_s);
        let setting = change(ChangeKind::Setting, "http.deadline changed", fault.onset_s - 2);
        let (old, new) = ("app 1 (build 1) started", "app 1 (build 2) started");
        vec![start(old, -9_000), start(new, -replaced_s), start(new, -2), setting]
    });
    answer.changes[0].change.what.clone()
}

#[test]
fn a_build_that_replaces_another_is_no_restart_for_a_while() {
    assert_eq!(first_named_after(120), "app 1 (build 2) started");
    assert_eq!(first_named_after(1_000), "http.deadline changed");
}

#[test]
fn maintenance_does_not_outrank_a_start() {
    let answer = answer(|fault, statement| {
        let start = change(ChangeKind::Deploy, "app 2 started", fault.onset_s - 2);
        let vacuum = change(ChangeKind::Maintenance, "the table was vacuumed", fault.onset_s);
        vec![LedgerChange { statements: Some(vec![statement.to_owned()]), ..vacuum }, start]
    });
    assert!(answer.verdict.contains("app 2 started"), "{}", answer.verdict);
    assert_eq!(answer.changes.len(), 2, "{:#?}", answer.changes);
}
