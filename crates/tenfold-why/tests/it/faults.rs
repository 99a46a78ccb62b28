use incidents::{FAULTS, FaultKind, IncidentScore, LATER_S, START_S, World, organization, run_case};
use tenfold_why::{
    ChangeKind, Diagnosis, DiagnosisState, PartKey, SavedMinute, SavedPage, SavedSeries, diagnose,
    diagnose_long, diagnose_minutes, seconds_of,
};

const BEFORE_S: i64 = 600;

#[test]
fn injected_faults_are_found_among_innocent_changes() {
    let mut score = IncidentScore::default();
    for kind in FAULTS {
        (100..103).for_each(|seed| score.add(seed, &run_case(kind, seed)));
    }
    // An organization whose requests are few, or less than three times as slow as before, may be missed.
    assert!(score.endpoints.all - score.endpoints.right <= 2, "{:#?}", score.missed);
    assert!(score.missed.iter().all(|miss| miss.starts_with("LargeOrganization")), "{:#?}", score.missed);
    assert_eq!(score.statements.right, score.statements.all, "{:#?}", score.missed);
    assert_eq!(score.causes.right, score.causes.all, "{:#?}", score.missed);
    assert!(score.mean_f1() >= 0.9, "{} {:#?}", score.mean_f1(), score.missed);
    assert!(score.median_onset_s() <= 3, "{:?}", score.onsets_s);
}

#[test]
fn an_onset_without_any_reason_is_called_unknown() {
    let mut world = World::new(7, 20.0);
    let fault = world.choose(FaultKind::ErrorBurst, START_S + BEFORE_S);
    for second in START_S..START_S + BEFORE_S + LATER_S {
        world.second(second, 1.0, None);
        if second >= fault.onset_s {
            for number in 0..5 {
                let name = world.endpoint_name(0).to_owned();
                world.journal.record(&tenfold_why::WideEvent {
                    at_us: second * 1_000_000,
                    name,
                    organization: Some(organization(number)),
                    user: None,
                    duration_us: 2_000,
                    failed: true,
                    error: None,
                    trace: 1,
                    waited_us: 0,
                    parts: Vec::new(),
                });
            }
        }
    }
    let answer = diagnose(&world.journal, None, (START_S + BEFORE_S + LATER_S) * 1_000_000);
    assert_eq!(answer.state, DiagnosisState::CauseUnknown);
    assert!(answer.verdict.starts_with("Something is wrong, cause unknown: "), "{}", answer.verdict);
}

#[test]
fn a_question_about_the_time_before_finds_no_incident() {
    let case = run_case(FaultKind::SlowStatement, 5);
    assert_eq!(case.answer.state, DiagnosisState::Known);
    let before = diagnose(&case.world.journal, None, (case.fault.onset_s - 1) * 1_000_000);
    assert_eq!(before.state, DiagnosisState::NoIncident, "{}", before.verdict);
}

#[test]
fn of_a_time_without_records_nothing_is_known() {
    let case = run_case(FaultKind::SlowStatement, 5);
    let first = START_S * 1_000_000;
    for (since, until) in [(None, first - 1), (Some(first - 9), first - 1), (Some(first + 9_000_000), first)]
    {
        let answer = diagnose(&case.world.journal, since, until);
        assert!(answer.verdict.starts_with("Nothing was recorded"), "{}", answer.verdict);
        assert_eq!((answer.state, answer.confidence), (DiagnosisState::NoIncident, 0.0));
    }
}

#[test]
fn what_is_over_is_no_incident() {
    let mut world = World::new(11, 20.0);
    let fault = world.choose(FaultKind::NPlusOne, START_S + 300);
    for second in START_S..START_S + 600 {
        world.second(second, 1.0, (second < START_S + 400).then_some(&fault));
    }
    let answer = diagnose(&world.journal, None, (START_S + 600) * 1_000_000);
    assert_eq!(answer.state, DiagnosisState::NoIncident, "{}", answer.verdict);
    assert!(answer.endpoints.is_empty());
}

#[test]
fn the_verdict_names_statement_file_and_line() {
    let case = run_case(FaultKind::NPlusOne, 5);
    let (fault, answer) = (case.fault, case.answer);
    let PartKey::Statement(place) = fault.part else { panic!("faults are in statements") };
    let named = format!("the statement {} ({}:{}) runs", place.name, place.file, place.line);
    assert!(answer.verdict.contains(&named), "{}", answer.verdict);
    assert!(answer.confidence > 0.7, "{}", answer.confidence);
    assert!(!answer.traces.is_empty());
}

#[test]
fn what_was_saved_before_a_restart_is_compared_with() {
    let mut world = World::new(21, 20.0);
    let fault = world.choose(FaultKind::BadDeploy, START_S + BEFORE_S);
    let mut pages = Vec::new();
    for second in START_S..fault.onset_s {
        world.second(second, 1.0, None);
        if second % 10 == 9 {
            pages.push(world.journal.save(second as u32 - 9, second as u32 + 1));
        }
    }
    // The process is started again, with a version that is bad.
    world.journal = tenfold_why::Journal::new(tenfold_why::JournalLimits::default());
    pages.into_iter().for_each(|page| world.journal.restore(page));
    world.note(ChangeKind::Deploy, "app 2 started", fault.onset_s - 1);
    for second in fault.onset_s..fault.onset_s + LATER_S {
        world.second(second, 1.0, Some(&fault));
    }
    let answer = diagnose(&world.journal, None, (fault.onset_s + LATER_S) * 1_000_000);
    assert_eq!(answer.endpoints[0].name, world.endpoint_name(fault.endpoint));
    assert_eq!(answer.parts[0].change.part, fault.part);
    assert_eq!(answer.changes[0].change.what, "app 2 started");
    assert!(answer.organizations.len() > 25, "{}", answer.organizations.len());
}

/// Saves what a process saves once this second is over: a page every ten seconds, and each minute.
fn save(world: &World, second: i64, pages: &mut Vec<(u32, SavedPage)>, minutes: &mut Vec<SavedMinute>) {
    if second % 10 == 9 {
        let first = second as u32 - 9;
        pages.push((first, world.journal.save(first, first + 10)));
    }
    if second % 60 == 59 {
        let minute = (second / 60) as u32;
        minutes.extend(world.journal.minutes(None, minute..minute + 1));
    }
}

/// Five hours of a world whose fault began after the first, saved as a process saves them; and the minutes.
fn five_hours(
    fault: FaultKind,
    seed: u64,
) -> (World, incidents::InjectedFault, Vec<(u32, SavedPage)>, Vec<SavedMinute>) {
    const HOUR_S: i64 = 3_600;
    let mut world = World::new(seed, 5.0);
    let fault = world.choose(fault, START_S + HOUR_S);
    let (mut pages, mut minutes) = (Vec::new(), Vec::new());
    for second in START_S..START_S + 5 * HOUR_S {
        world.second(second, 1.0, (second >= fault.onset_s).then_some(&fault));
        save(&world, second, &mut pages, &mut minutes);
    }
    (world, fault, pages, minutes)
}

/// Minutes as their sums.
fn series(minutes: &[SavedMinute]) -> Vec<SavedSeries> {
    let of = |minute: &SavedMinute| SavedSeries {
        endpoint: minute.endpoint.clone(),
        part: None,
        cells: vec![minute.sums()],
    };
    minutes.iter().map(of).collect()
}

/// What a question with a file does.
fn ask_long(pages: &[(u32, SavedPage)], minutes: Vec<SavedMinute>, until_us: i64) -> Option<Diagnosis> {
    let coarse = diagnose_minutes(series(&minutes), until_us);
    let ranges = seconds_of(&coarse, until_us)?;
    let read = pages.iter().filter(|(first, _)| ranges.iter().any(|range| range.contains(first)));
    diagnose_long(&coarse, read.map(|(_, page)| page.clone()).collect(), until_us)
}

#[test]
fn an_incident_of_four_hours_is_found_by_minutes_and_seconds() {
    let (world, fault, pages, minutes) = five_hours(FaultKind::SlowStatement, 5);
    let until_us = (START_S + 5 * 3_600) * 1_000_000;
    // By the last two hours alone nothing has changed.
    assert_eq!(diagnose(&world.journal, None, until_us).state, DiagnosisState::NoIncident);
    let answer = ask_long(&pages, minutes, until_us).expect("it still lasts");
    assert_eq!(answer.endpoints[0].name, world.endpoint_name(fault.endpoint));
    assert_eq!(answer.parts[0].change.part, fault.part);
    let since_s = answer.since_us.unwrap() / 1_000_000;
    assert!((since_s - fault.onset_s).abs() <= 5, "{since_s} and not {}", fault.onset_s);
}

#[test]
fn what_gets_slower_by_and_by_over_hours_is_no_long_incident() {
    let mut world = World::new(9, 5.0);
    let mut fault = world.choose(FaultKind::SlowStatement, START_S);
    let (most, mut pages, mut minutes) = (fault.strength, Vec::new(), Vec::new());
    let hours = 5 * 3_600;
    for second in START_S..START_S + hours {
        fault.strength = 1.0 + (most - 1.0) * (second - START_S) as f64 / hours as f64;
        world.second(second, 1.0, Some(&fault));
        save(&world, second, &mut pages, &mut minutes);
    }
    let until_us = (START_S + hours) * 1_000_000;
    // By its minutes it looks like one.
    assert_ne!(diagnose_minutes(series(&minutes), until_us).state, DiagnosisState::NoIncident);
    let answer = ask_long(&pages, minutes, until_us);
    assert!(answer.is_none(), "{answer:#?}");
}
