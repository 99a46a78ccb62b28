//! Two times of an endpoint, compared.

use tenfold_why::{ComparedTime, Journal, JournalLimits, MinuteCell, SecondCell, Trend, WideEvent, compare};

/// Each of these mean durations is that of a second with ten requests. `errors` of them fail in each second.
fn seconds(ms: impl IntoIterator<Item = f32>, errors: u32) -> ComparedTime {
    let cell = |(second, ms): (u32, f32)| SecondCell {
        second,
        count: 10,
        errors,
        slow: 0,
        sum_ms: 10.0 * ms,
        sum_log: 10.0 * ms.ln(),
    };
    ComparedTime::of_seconds(&(0..).zip(ms).map(cell).collect::<Vec<_>>())
}

/// So many requests of each of these durations.
fn minutes(durations: &[(u64, u64)], errors: u32) -> ComparedTime {
    let mut sum = MinuteCell { errors, ..MinuteCell::default() };
    for (micros, times) in durations {
        (0..*times).for_each(|_| sum.durations.record(*micros));
        sum.sum_us += micros * times;
    }
    ComparedTime::of_minutes(&sum)
}

fn around(ms: f32) -> impl Iterator<Item = f32> {
    (0..30).map(move |second| ms * [0.9, 1.0, 1.1][second % 3])
}

#[test]
fn what_takes_longer_is_worse_and_the_other_way_better() {
    for [quick, slow] in [
        [seconds(around(4.0), 0), seconds(around(9.0), 0)],
        [minutes(&[(3_000, 50), (5_000, 50)], 0), minutes(&[(7_000, 30), (11_000, 30)], 0)],
    ] {
        let found = compare(&quick, &slow, 200).expect("there are enough");
        assert_eq!((found.durations, found.failures), (Trend::Worse, Trend::Alike));
        assert!((found.weight - slow.count() as f64 * 5.0).abs() < 1.0, "{found:?}");
        let found = compare(&slow, &quick, 200).expect("there are enough");
        assert_eq!((found.durations, found.weight < 0.0), (Trend::Better, true));
    }
}

#[test]
fn a_small_or_uncertain_difference_is_none() {
    let alike = |before: ComparedTime, after: ComparedTime| {
        let found = compare(&before, &after, 200).expect("there are enough");
        assert_eq!(found.durations, Trend::Alike, "{before:?} {after:?}");
    };
    // By less than 10 %, by less than 1 ms, and by one request that took very long.
    alike(seconds(around(40.0), 0), seconds(around(43.0), 0));
    alike(seconds(around(0.4), 0), seconds(around(0.9), 0));
    alike(minutes(&[(4_000, 100)], 0), minutes(&[(4_000, 99), (9_000_000, 1)], 0));
    assert_eq!(compare(&minutes(&[(4_000, 4)], 0), &minutes(&[(90_000, 100)], 0), 1), None);
}

#[test]
fn failures_are_worse_however_quick_they_are() {
    let (well, failing) = (seconds(around(40.0), 0), seconds(around(5.0), 2));
    let found = compare(&well, &failing, 200).expect("there are enough");
    assert_eq!((found.failures, found.durations), (Trend::Worse, Trend::Alike));
    let found = compare(&failing, &well, 200).expect("there are enough");
    assert_eq!((found.failures, found.durations), (Trend::Better, Trend::Worse));
}

#[test]
fn seconds_that_are_forgotten_are_not_compared() {
    let limits = JournalLimits { series: 2, seconds: 120, minutes: 10, events: 10 };
    let mut journal = Journal::new(limits);
    for second in 1..=200 {
        journal.record(&WideEvent {
            at_us: second * 1_000_000,
            name: "GET /orders".to_owned(),
            organization: None,
            user: None,
            duration_us: 1_000,
            waited_us: 0,
            failed: false,
            error: None,
            trace: 1,
            parts: Vec::new(),
        });
    }
    assert_eq!(journal.endpoint_seconds(100..200), None);
    let known = journal.endpoint_seconds(190..200).expect("they are still there");
    assert_eq!(known.iter().map(|series| series.cells.len()).collect::<Vec<_>>(), [10]);
}
