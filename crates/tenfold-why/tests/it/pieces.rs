use std::sync::Arc;

use tenfold_why::decomposition::{PartSpending, Spending, decompose};
use tenfold_why::onset::{OnsetRule, change_points, rise, rise_of_share};
use tenfold_why::{
    Journal, JournalLimits, LogHistogram, PartKey, PartUse, SpaceSaving, StatementPlace, WideEvent,
    fingerprint,
};

use incidents::{START_S, SeededRandom, statement_place};

const RULE: OnsetRule = OnsetRule { series: 100, floor: 1e-6 };

fn noise(random: &mut SeededRandom, level: f64, count: usize) -> impl Iterator<Item = f64> {
    (0..count).map(move |_| level * random.between(0.8, 1.2))
}

#[test]
fn quantiles_of_a_histogram_are_off_by_6_percent_at_most() {
    let (mut one, mut two) = (LogHistogram::default(), LogHistogram::default());
    for micros in 1..=10_000 {
        if micros % 2 == 0 { one.record(micros) } else { two.record(micros) }
    }
    one.merge(&two);
    assert_eq!(one.count(), 10_000);
    for (share, exact) in [(0.5, 5_000.0), (0.95, 9_500.0), (0.99, 9_900.0)] {
        let found = one.quantile(share).unwrap() as f64;
        assert!((found / exact - 1.0).abs() < 0.065, "{share}: {found}");
    }
    assert_eq!(LogHistogram::default().quantile(0.5), None);
}

#[test]
fn a_heavy_key_stays_whatever_else_comes() {
    let mut table = SpaceSaving::new(16);
    for number in 0..10_000_u32 {
        table.add(number, 1.0);
        table.add(1_000_000, 2.0);
    }
    let top = table.top(1);
    assert_eq!(top[0].key, 1_000_000);
    assert!(top[0].weight - top[0].error <= 20_000.0 && top[0].weight >= 20_000.0, "{top:?}");
    assert_eq!(table.top(99).len(), 16);
}

#[test]
fn a_rise_is_found_where_it_is() {
    let mut random = SeededRandom(3);
    let values: Vec<f64> =
        noise(&mut random, 10.0, 200).chain(noise(&mut SeededRandom(4), 20.0, 12)).collect();
    let found = rise(&values, RULE, |before, after| after > 1.1 * before).expect("it rises");
    assert_eq!(found.index, 200);
    assert!(found.p < 0.01);
    let fall: Vec<f64> = values.iter().rev().copied().collect();
    assert_eq!(rise(&fall, RULE, |before, after| after > 1.1 * before), None);
}

#[test]
fn a_rise_that_is_over_is_none() {
    let values: Vec<f64> = noise(&mut SeededRandom(3), 10.0, 200)
        .chain(noise(&mut SeededRandom(4), 20.0, 30))
        .chain(noise(&mut SeededRandom(5), 10.0, 30))
        .collect();
    assert_eq!(rise(&values, RULE, |before, after| after > 1.1 * before), None);
}

#[test]
fn change_points_are_found_in_both_directions() {
    let values: Vec<f64> = noise(&mut SeededRandom(3), 10.0, 100)
        .chain(noise(&mut SeededRandom(4), 20.0, 100))
        .chain(noise(&mut SeededRandom(5), 12.0, 100))
        .collect();
    let places: Vec<usize> = change_points(&values).iter().map(|change| change.index).collect();
    assert_eq!(places, [100, 200]);
    assert!(change_points(&noise(&mut SeededRandom(6), 10.0, 300).collect::<Vec<_>>()).is_empty());
}

#[test]
fn the_parts_add_up_to_the_whole_difference() {
    let spending = |requests, ms, times, part_ms| Spending {
        requests,
        ms,
        parts: [(statement_place(0, 0), PartSpending { times, ms: part_ms, failed: 0.0 })].into(),
    };
    let (before, now) = (spending(10.0, 50.0, 10.0, 20.0), spending(20.0, 700.0, 200.0, 500.0));
    let changes = decompose(&before, &now);
    let sum: f64 = changes.iter().map(|change| change.added_ms).sum();
    assert!((sum - (35.0 - 5.0)).abs() < 1e-9);
    assert_eq!(changes[0].part, statement_place(0, 0));
    assert_eq!((changes[0].more_often(), changes[0].slower()), (10.0, 1.25));
    assert!((changes[0].by_count_ms - 18.0).abs() < 1e-9);
}

#[test]
fn errors_that_differ_in_ids_are_the_same() {
    let one = fingerprint("user 17 of \"acme\" is gone: 0190f1e2-7abc at line 3\nmore");
    assert_eq!(one, fingerprint("user 9 of \"other\" is gone: 0190ffff-1abc at line 44"));
    assert_eq!(one, "user # of \"…\" is gone: # at line #");
    assert!(fingerprint(&"x".repeat(10_000)).len() <= 120);
}

#[test]
fn a_journal_keeps_its_bounds_whatever_comes() {
    let limits = JournalLimits { series: 100, seconds: 10_000, minutes: 100, events: 500 };
    let mut journal = Journal::new(limits);
    for number in 0..20_000_u32 {
        let name = format!("statement {number}");
        let part = PartKey::Statement(Arc::new(StatementPlace { name, file: "a.rs".to_owned(), line: 1 }));
        journal.record(&WideEvent {
            at_us: (START_S + i64::from(number)) * 1_000_000,
            name: format!("GET /{}", number % 1_000),
            organization: Some(u128::from(number) + 1),
            user: Some(u128::from(number) + 1),
            duration_us: 100,
            failed: number % 2 == 0,
            error: Some(format!("error {}", "x".repeat(number as usize % 700))),
            trace: 1,
            waited_us: 0,
            parts: vec![PartUse { part, times: 1, time_us: 50, failed: 0 }],
        });
    }
    assert!(journal.series() <= 100, "{}", journal.series());
    assert!(journal.names().any(|name| name == "other"));
    assert!(journal.heaviest_organizations(usize::MAX).len() <= 256);
    assert!(journal.failing_users(usize::MAX).len() <= 256);
}

/// What a request costs, with 100,000 organizations.
#[test]
#[ignore = "prints a measurement"]
#[expect(clippy::print_stdout, reason = "the figure is read by a person")]
fn cost_of_a_record() {
    let mut journal = Journal::new(JournalLimits::default());
    let mut random = SeededRandom(1);
    let parts = |random: &mut SeededRandom| -> Vec<PartUse> {
        let endpoint = random.below(50);
        (0..4)
            .map(|number| PartUse {
                part: statement_place(endpoint, number),
                times: 1,
                time_us: 500,
                failed: 0,
            })
            .collect()
    };
    let events: Vec<WideEvent> = (0..200_000)
        .map(|number| WideEvent {
            at_us: (START_S + number / 5_000) * 1_000_000,
            name: format!("GET /v1/things{}", random.below(50)),
            organization: Some(random.below(100_000) as u128 + 1),
            user: Some(random.below(1_000_000) as u128 + 1),
            duration_us: random.below(100_000) as u64,
            failed: false,
            error: None,
            trace: 1,
            waited_us: 0,
            parts: parts(&mut random),
        })
        .collect();
    let began = std::time::Instant::now();
    events.iter().for_each(|event| journal.record(event));
    println!("{} ns a record", began.elapsed().as_nanos() / events.len() as u128);
    let began = std::time::Instant::now();
    let answer = tenfold_why::diagnose(&journal, None, (START_S + 40) * 1_000_000);
    println!("{} ms to answer: {}", began.elapsed().as_millis(), answer.verdict);
}

/// Failures of 200 requests a second, at these shares for this many seconds each.
fn shares(levels: &[(usize, f64)]) -> (Vec<f64>, Vec<f64>) {
    let some = levels.iter().flat_map(|(seconds, share)| std::iter::repeat_n(200.0 * share, *seconds));
    let some: Vec<f64> = some.collect();
    let all = vec![200.0; some.len()];
    (some, all)
}

#[test]
fn an_outage_that_gets_a_little_better_or_worse_still_lasts() {
    let rule = OnsetRule { series: 10, floor: 0.0 };
    let is_more = |before: f64, after: f64| after > 2.0 * before && after - before > 0.02;
    for after in
        [&[(60, 0.5), (30, 0.4)][..], &[(60, 1.0), (30, 0.3)], &[(60, 0.0), (30, 0.5)], &[(90, 0.03)]]
    {
        let (some, all) = shares(&[&[(300, 0.0)], after].concat());
        assert!(rise_of_share(&some, &all, rule, is_more).is_some(), "{after:?}");
    }
    let (some, all) = shares(&[(300, 0.0), (60, 0.5), (30, 0.0)]);
    assert!(rise_of_share(&some, &all, rule, is_more).is_none(), "it is over");
}
