//! What a wrong clock, and what has no end, does to a journal.

use std::sync::Arc;

use tenfold_why::{
    Journal, JournalLimits, PartKey, PartUse, SavedPage, SavedSeries, SecondCell, Seconds, WideEvent,
};

const NOW_S: u32 = 1_767_225_600;

fn event(second: u32, parts: Vec<PartUse>) -> WideEvent {
    WideEvent {
        at_us: i64::from(second) * 1_000_000,
        name: "GET /orders".to_owned(),
        organization: None,
        user: None,
        duration_us: 1_000,
        failed: false,
        error: None,
        trace: 1,
        waited_us: 0,
        parts,
    }
}

fn seconds(page: &SavedPage) -> Vec<u32> {
    page.series.iter().flat_map(|series| &series.cells).map(|cell| cell.second).collect()
}

#[test]
fn a_range_that_ends_before_it_begins_is_empty() {
    let mut journal = Journal::new(JournalLimits::default());
    journal.record(&event(NOW_S, Vec::new()));
    let minute = NOW_S / 60;
    assert_eq!(journal.minutes(None, minute..minute + 1).len(), 1);
    let (first, end) = (minute + 1, minute);
    assert_eq!(journal.minutes(None, first..end), Vec::new());
}

#[test]
fn a_clock_set_back_by_an_hour_hides_nothing() {
    let mut series = Seconds::default();
    series.record(NOW_S, 1, 0, 1.0, 10);
    series.record(NOW_S + 3_600, 1, 0, 1.0, 10);
    series.record(NOW_S + 1, 1, 0, 1.0, 10);
    // After less than a minute the newest second counts.
    series.record(NOW_S, 1, 0, 1.0, 10);
    let kept: Vec<_> =
        series.between(0, u32::MAX).map(|SecondCell { second, count, .. }| (*second, *count)).collect();
    assert_eq!(kept, [(NOW_S, 1), (NOW_S + 1, 2)]);
}

#[test]
fn what_a_page_has_of_the_future_is_left_out() {
    let mut journal = Journal::new(JournalLimits::default());
    journal.record(&event(NOW_S, Vec::new()));
    journal.record(&event(NOW_S + 61, Vec::new()));
    let mut page = journal.save(0, u32::MAX);
    page.forget_after(NOW_S + 60);
    assert_eq!((seconds(&page), page.events.len()), (vec![NOW_S], 1));
    page.forget_after(NOW_S - 1);
    assert_eq!(page, SavedPage::default());
}

#[test]
fn many_holders_of_a_lock_use_up_no_series() {
    let mut journal = Journal::new(JournalLimits::default());
    for number in 0..100 {
        let holder = Some(Arc::from(format!("the statement {number}")));
        let used = |part| PartUse { part, times: 1, time_us: 9_000, failed: 0 };
        let parts = vec![used(PartKey::WriterWait(holder.clone())), used(PartKey::LockWait(holder))];
        journal.record(&event(NOW_S, parts));
    }
    let page = journal.save(0, u32::MAX);
    let parts: Vec<&PartKey> = page.series.iter().filter_map(|series| series.part.as_ref()).collect();
    assert_eq!(parts.len(), 2 * (4 + 1), "{parts:?}");
    let waits: u32 =
        page.series.iter().filter(|series| series.part.is_some()).map(|series| series.cells[0].count).sum();
    assert_eq!(waits, 200);
}

#[test]
fn many_services_that_are_called_use_up_no_series() {
    let mut journal = Journal::new(JournalLimits::default());
    for number in 0..100 {
        let part = PartKey::Outbound(Some(Arc::from(format!("hook-{number}.example.com"))));
        journal.record(&event(NOW_S, vec![PartUse { part, times: 1, time_us: 9_000, failed: 1 }]));
    }
    let page = journal.save(0, u32::MAX);
    let parts: Vec<&SavedSeries> = page.series.iter().filter(|series| series.part.is_some()).collect();
    assert_eq!(parts.len(), 16 + 1, "{parts:?}");
    let others = parts.iter().find(|series| series.part == Some(PartKey::Outbound(None)));
    assert_eq!(others.map(|series| (series.cells[0].count, series.cells[0].errors)), Some((84, 84)));
}

#[test]
fn seconds_that_find_no_room_are_told() {
    let mut journal = Journal::new(JournalLimits::default());
    (0..7_200).for_each(|second| journal.record(&event(NOW_S + second, Vec::new())));
    let page = journal.save(0, u32::MAX);
    let mut read = Journal::new(JournalLimits::default());
    read.restore(page);
    assert_eq!(read.dropped(), None);
    let mut later = Journal::new(JournalLimits::default());
    later.record(&event(NOW_S + 7_200, Vec::new()));
    read.restore(later.save(0, u32::MAX));
    assert_eq!(read.dropped(), Some(NOW_S));
}

fn call(host: usize) -> PartUse {
    let part = PartKey::Outbound(Some(Arc::from(format!("host{host}.test"))));
    PartUse { part, times: 1, time_us: 10, failed: 0 }
}

/// The services that are told apart since then.
fn services(journal: &Journal, since: u32) -> Vec<PartKey> {
    let page = journal.save(since, u32::MAX);
    page.series.into_iter().filter_map(|series| series.part).collect()
}

#[test]
fn a_service_that_nobody_calls_any_more_makes_room() {
    let mut journal = Journal::new(JournalLimits::default());
    (0..17).for_each(|host| journal.record(&event(NOW_S, vec![call(host)])));
    let all = services(&journal, NOW_S);
    assert!(all.len() == 17 && all.contains(&PartKey::Outbound(None)), "{all:?}");
    // The first is called on, and the seventeenth has no place yet.
    journal.record(&event(NOW_S + 7_199, vec![call(0), call(16)]));
    assert!(services(&journal, NOW_S + 7_199).contains(&PartKey::Outbound(None)));
    let series = journal.series();
    journal.record(&event(NOW_S + 7_200, vec![call(16), call(0)]));
    let now = services(&journal, NOW_S + 7_200);
    assert!(now.len() == 2 && now.contains(&call(16).part) && now.contains(&call(0).part), "{now:?}");
    assert_eq!(journal.series(), series);
}
