//! The file of `why.history`, by a clock that the test moves.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tenfold::data::{Clock, Database, DatabaseSettings, Timestamp, TraceContext};
use tenfold::telemetry::diagnosis::{ChangeKind, DiagnosisState, JournalLimits};
use tenfold::telemetry::{Beginning, Ending, RefusedRequest, Telemetry, Totals};
use tenfold::testing::KeptHistory;
use tenfold::{SystemContext, sql};

const START_S: i64 = 1_767_225_600;
const HOUR_S: i64 = 3_600;
const TOMORROW: i64 = START_S + 24 * HOUR_S;
const ROUTE: &str = "GET /orders";

/// A folder of its own, which goes with the test.
struct HistoryFolder(PathBuf);

impl HistoryFolder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tenfold-history-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        HistoryFolder(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("why.db")
    }
}

impl Drop for HistoryFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn recording(second: i64) -> (Telemetry, Clock) {
    let clock = Clock::manual(at(second));
    let telemetry = Telemetry::new(clock.clone());
    telemetry.record_for_why(JournalLimits::default());
    (telemetry, clock)
}

fn request(telemetry: &Telemetry, status: u16) {
    request_to(ROUTE, telemetry, status);
}

fn request_to(route: &str, telemetry: &Telemetry, status: u16) {
    let trace = TraceContext::start_random();
    let work = telemetry.begin(Beginning::of_request(route.to_owned(), trace, telemetry.clock().now()));
    work.end(Ending::Answered(status), Totals::default());
}

/// How many requests the file has in the minutes of the hour after `first`.
async fn kept(telemetry: &Telemetry, first: i64) -> u64 {
    let minute = u32::try_from(first / 60).unwrap();
    let days = telemetry.archive().unwrap().days(ROUTE, minute..minute + 60).await;
    days.minutes.iter().map(|minute| minute.cell.count()).sum()
}

#[tokio::test]
async fn a_clock_set_back_does_not_end_the_history() {
    let folder = HistoryFolder::new("set-back");
    let (telemetry, clock) = recording(START_S);
    // The process began by a clock that was ahead.
    let history = KeptHistory::begin(&folder.file(), &telemetry, at(START_S + 90)).await;
    request(&telemetry, 200);
    history.end().await;
    clock.advance(Duration::from_secs(1));
    let (telemetry, _) = recording(START_S + 1);
    let history = KeptHistory::begin(&folder.file(), &telemetry, at(START_S + 1)).await;
    assert_eq!(kept(&telemetry, START_S).await, 1);
    history.end().await;
}

/// A process of tomorrow, with a start and a request to each of the endpoints.
async fn tomorrow(file: &Path, endpoints: usize) {
    let (telemetry, _) = recording(TOMORROW);
    let history = KeptHistory::begin(file, &telemetry, at(TOMORROW)).await;
    telemetry.changed(ChangeKind::Deploy, "shop 1 started".to_owned());
    request(&telemetry, 200);
    (1..endpoints).for_each(|number| request_to(&format!("GET /orders/{number}"), &telemetry, 200));
    history.end().await;
}

/// Whether a process of tomorrow knows what the one before had recorded then.
async fn knows_tomorrow(file: &Path) -> bool {
    let (telemetry, _) = recording(TOMORROW + 60);
    let history = KeptHistory::begin(file, &telemetry, at(TOMORROW + 60)).await;
    let minute = u32::try_from(TOMORROW / 60).unwrap();
    let changes = telemetry.archive().unwrap().days(ROUTE, minute..minute + 1).await.changes.len();
    let known =
        [telemetry.changes().len(), changes, usize::try_from(kept(&telemetry, TOMORROW).await).unwrap()];
    history.end().await;
    assert!(known == [0; 3] || known == [1; 3], "it knows all or nothing: {known:?}");
    known == [1; 3]
}

#[tokio::test]
async fn a_clock_that_is_behind_sets_the_future_aside() {
    let folder = HistoryFolder::new("behind");
    tomorrow(&folder.file(), 1).await;
    // It boots with a clock of the past.
    let (telemetry, _) = recording(START_S);
    let history = KeptHistory::begin(&folder.file(), &telemetry, at(START_S)).await;
    assert_eq!(telemetry.save_for_why(0, u32::MAX), None);
    assert_eq!(kept(&telemetry, TOMORROW).await, 0);
    let archive = telemetry.archive().unwrap();
    assert!(archive.pages(0..u32::MAX).await.is_empty());
    let minute = u32::try_from(START_S / 60).unwrap();
    assert!(archive.days(ROUTE, minute..minute + 1).await.changes.is_empty());
    request(&telemetry, 200);
    history.end().await;
    assert!(knows_tomorrow(&folder.file()).await);
}

#[tokio::test]
async fn what_still_is_of_the_future_after_an_hour_is_removed() {
    let folder = HistoryFolder::new("future");
    tomorrow(&folder.file(), 1).await;
    let (telemetry, clock) = recording(START_S);
    let history = KeptHistory::begin(&folder.file(), &telemetry, at(START_S)).await;
    clock.advance(Duration::from_secs(3_601));
    history.end().await;
    assert!(!knows_tomorrow(&folder.file()).await);
}

#[tokio::test]
async fn what_is_of_the_future_takes_no_room_of_the_present() {
    let folder = HistoryFolder::new("room");
    tomorrow(&folder.file(), 200).await;
    let (telemetry, _) = recording(START_S);
    let history = KeptHistory::begin_within(1_000, &folder.file(), &telemetry, at(START_S)).await;
    request(&telemetry, 200);
    history.end().await;
    let (telemetry, _) = recording(START_S + 1);
    let history = KeptHistory::begin_within(1_000, &folder.file(), &telemetry, at(START_S + 1)).await;
    assert!(telemetry.save_for_why(0, u32::MAX).is_some(), "its page is kept");
    assert_eq!(kept(&telemetry, START_S).await, 1, "and its minute");
    history.end().await;
}

#[tokio::test]
async fn what_came_before_the_file_was_open_is_kept() {
    let folder = HistoryFolder::new("start");
    let (telemetry, clock) = recording(START_S);
    telemetry.changed(ChangeKind::Deploy, "shop 2 started".to_owned());
    clock.advance(Duration::from_secs(150));
    let history = KeptHistory::begin(&folder.file(), &telemetry, at(START_S)).await;
    history.end().await;
    let (telemetry, _) = recording(START_S + 151);
    let history = KeptHistory::begin(&folder.file(), &telemetry, at(START_S + 151)).await;
    let noted: Vec<_> = telemetry.changes().into_iter().map(|change| change.what).collect();
    assert_eq!(noted, ["shop 2 started"]);
    history.end().await;
}

/// What the file has of changes since then.
async fn kept_changes(telemetry: &Telemetry, since: i64) -> Vec<String> {
    let changes = telemetry.archive().unwrap().changes(u32::try_from(since / 60).unwrap()).await;
    changes.into_iter().map(|change| change.what).collect()
}

#[tokio::test]
async fn starts_of_killed_processes_are_kept() {
    let folder = HistoryFolder::new("killed");
    for number in 1..4 {
        let (telemetry, _) = recording(START_S + number);
        telemetry.changed(ChangeKind::Deploy, format!("shop {number} started"));
        // It ends before its first page.
        let history = KeptHistory::begin(&folder.file(), &telemetry, at(START_S + number)).await;
        let known: Vec<String> = telemetry.changes().into_iter().map(|change| change.what).collect();
        let started: Vec<String> = (1..=number).map(|number| format!("shop {number} started")).collect();
        assert_eq!(known, started);
        assert_eq!(kept_changes(&telemetry, START_S).await, started);
        history.kill().await;
    }
}

#[tokio::test]
async fn starts_of_a_crash_loop_are_few_and_counted() {
    let folder = HistoryFolder::new("loop");
    let mut last = None;
    for second in (0..2_000).step_by(20) {
        let (telemetry, _) = recording(START_S + second);
        telemetry.changed(ChangeKind::Deploy, "shop 1 started".to_owned());
        let history = KeptHistory::begin(&folder.file(), &telemetry, at(START_S + second)).await;
        last = Some(telemetry.changes());
        history.kill().await;
    }
    let (telemetry, _) = recording(START_S + 2_000);
    let history = KeptHistory::begin(&folder.file(), &telemetry, at(START_S + 2_000)).await;
    let kept = telemetry.archive().unwrap().changes(u32::try_from(START_S / 60).unwrap()).await;
    let (first, count) = (kept[0].at_us, kept.iter().map(|change| change.times).sum::<u32>());
    assert_eq!((first, count), (START_S * 1_000_000, 100));
    assert!(kept.len() < 12, "{kept:#?}");
    assert_eq!(last, Some(kept), "the last of them knew the same");
    history.end().await;
}

#[tokio::test]
async fn a_file_has_one_process_at_a_time() {
    let folder = HistoryFolder::new("two");
    let (one, _) = recording(START_S);
    let first = KeptHistory::begin(&folder.file(), &one, at(START_S)).await;
    let (other, _) = recording(START_S + 1);
    other.changed(ChangeKind::Deploy, "shop 2 started".to_owned());
    let second = KeptHistory::begin(&folder.file(), &other, at(START_S + 1)).await;
    let told = other.history_error().expect("the file is another one's");
    for part in [&*folder.file().display().to_string(), "another process", "why.history"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(other.archive().is_none() && one.history_error().is_none());
    assert_eq!(kept_changes(&one, START_S).await, [""; 0]);
    second.kill().await;
    // One that is killed leaves the file to the next one.
    first.kill().await;
    let (next, _) = recording(START_S + 2);
    let third = KeptHistory::begin(&folder.file(), &next, at(START_S + 2)).await;
    assert_eq!(next.history_error(), None);
    third.end().await;
}

#[tokio::test]
async fn changed_settings_are_known_for_fourteen_days() {
    let folder = HistoryFolder::new("settings");
    let (telemetry, _) = recording(START_S);
    let history = KeptHistory::begin(&folder.file(), &telemetry, at(START_S)).await;
    telemetry.changed(ChangeKind::Setting, "mail.url changed".to_owned());
    history.end().await;
    let later = START_S + 13 * 24 * HOUR_S;
    let (telemetry, _) = recording(later);
    let history = KeptHistory::begin(&folder.file(), &telemetry, at(later)).await;
    assert_eq!(kept_changes(&telemetry, START_S).await, ["mail.url changed"]);
    history.end().await;
}

#[tokio::test]
async fn many_changed_settings_push_out_no_start() {
    let folder = HistoryFolder::new("many");
    for process in 0..3 {
        let first = START_S + 10 * process;
        let (telemetry, _) = recording(first);
        telemetry.changed(ChangeKind::Deploy, format!("shop {process} started"));
        (0..600).for_each(|n| telemetry.changed(ChangeKind::Setting, format!("{process}.{n} changed")));
        KeptHistory::begin(&folder.file(), &telemetry, at(first)).await.kill().await;
    }
    let (telemetry, _) = recording(START_S + 30);
    let history = KeptHistory::begin(&folder.file(), &telemetry, at(START_S + 30)).await;
    let kept = kept_changes(&telemetry, START_S).await;
    let starts: Vec<_> = kept.iter().filter(|what| what.contains("started")).collect();
    assert_eq!(starts, ["shop 0 started", "shop 1 started", "shop 2 started"]);
    assert_eq!(kept.len() - starts.len(), 1_000, "of settings the newest are kept");
    history.end().await;
}

#[tokio::test]
async fn old_hours_go_at_any_minute_of_an_hour() {
    let folder = HistoryFolder::new("old");
    let (telemetry, _) = recording(START_S);
    let history = KeptHistory::begin(&folder.file(), &telemetry, at(START_S)).await;
    request(&telemetry, 200);
    history.end().await;
    let later = START_S + 15 * 24 * HOUR_S + 300;
    for is_kept in [1, 0] {
        let (telemetry, clock) = recording(later);
        let history = KeptHistory::begin(&folder.file(), &telemetry, at(later)).await;
        assert_eq!(kept(&telemetry, START_S).await, is_kept);
        request(&telemetry, 200);
        // Long enough to trust the clock.
        clock.advance(Duration::from_secs(3_601));
        history.end().await;
    }
}

#[tokio::test]
async fn a_clock_that_is_ahead_removes_nothing() {
    let folder = HistoryFolder::new("ahead");
    for second in [START_S, START_S + 30 * 24 * HOUR_S] {
        let (telemetry, _) = recording(second);
        let history = KeptHistory::begin(&folder.file(), &telemetry, at(second)).await;
        request(&telemetry, 200);
        history.end().await;
    }
    let (telemetry, _) = recording(START_S + 1);
    let history = KeptHistory::begin(&folder.file(), &telemetry, at(START_S + 1)).await;
    assert_eq!(kept(&telemetry, START_S).await, 1);
    history.end().await;
}

#[tokio::test]
async fn the_first_of_all_times_may_be_asked_for() {
    let folder = HistoryFolder::new("first");
    let (telemetry, _) = recording(START_S);
    let history = KeptHistory::begin(&folder.file(), &telemetry, at(START_S)).await;
    for since in [None, Some(Timestamp::MIN)] {
        let answer = history.ask(since, Timestamp::MIN).await;
        assert!(answer.verdict.starts_with("Nothing was recorded"), "{}", answer.verdict);
    }
    history.end().await;
}

/// Puts what is no JSON where the settings of the process before are.
async fn damage(file: &Path) {
    let url = format!("sqlite:{}", file.display());
    let database = Database::open(&url, &DatabaseSettings::default(), Clock::system(), Vec::new()).unwrap();
    let write = async |cx: SystemContext| {
        cx.transaction(async |tx| {
            sql!("tenfold_why_settings.damage", "UPDATE tenfold_why_settings SET body = 'damaged'")
                .execute(tx)
                .await
        })
        .await
    };
    assert_eq!(database.run(None, write).await.unwrap(), 1);
    database.close().await;
}

#[tokio::test]
async fn damaged_settings_do_not_end_the_history() {
    let folder = HistoryFolder::new("damaged");
    let (telemetry, _) = recording(START_S);
    KeptHistory::begin(&folder.file(), &telemetry, at(START_S)).await.end().await;
    damage(&folder.file()).await;
    let (telemetry, _) = recording(START_S + 1);
    let history = KeptHistory::begin(&folder.file(), &telemetry, at(START_S + 1)).await;
    history.end().await;
}

/// Four hours and a half in which all fails, after an hour in which all is well. A process lasts for half an hour.
async fn long_incident(file: &Path) {
    for half in 0..11 {
        let first = START_S + half * HOUR_S / 2;
        let (telemetry, clock) = recording(first);
        let history = KeptHistory::begin(file, &telemetry, at(first)).await;
        for _ in 1..HOUR_S / 2 {
            request(&telemetry, if half < 2 { 200 } else { 500 });
            clock.advance(Duration::from_secs(1));
        }
        history.end().await;
    }
}

#[tokio::test]
async fn a_long_incident_is_found_by_when_it_began() {
    let folder = HistoryFolder::new("long");
    long_incident(&folder.file()).await;
    let end = START_S + 11 * HOUR_S / 2;
    let (telemetry, _) = recording(end);
    let history = KeptHistory::begin(&folder.file(), &telemetry, at(end)).await;
    for since in [None, Some(at(START_S + HOUR_S / 2))] {
        let found = history.ask(since, at(end)).await;
        assert_eq!(found.since_us, Some((START_S + HOUR_S) * 1_000_000), "{since:?}: {}", found.verdict);
    }
    // It began before: nothing is new, but that is not known of all seconds.
    let later = history.ask(Some(at(START_S + 2 * HOUR_S)), at(end)).await;
    assert_eq!(later.state, DiagnosisState::NoIncident);
    assert!(later.verdict.contains("do not fit into memory"), "{}", later.verdict);
    history.end().await;
}

#[tokio::test]
async fn refused_requests_outlive_the_process() {
    let folder = HistoryFolder::new("refused");
    let (telemetry, clock) = recording(START_S);
    let history = KeptHistory::begin(&folder.file(), &telemetry, at(START_S)).await;
    let refused = RefusedRequest { method: "GET", route: "/orders", organization: None, for_bytes: false };
    for second in 0..60 {
        request(&telemetry, 200);
        (0..4).filter(|_| second >= 30).for_each(|_| telemetry.refused(refused));
        clock.advance(Duration::from_secs(1));
    }
    history.end().await;
    let (telemetry, _) = recording(START_S + 60);
    let history = KeptHistory::begin(&folder.file(), &telemetry, at(START_S + 60)).await;
    let found = history.ask(None, at(START_S + 60)).await;
    assert_eq!((found.endpoints[0].refused, found.since_us), (120, Some((START_S + 30) * 1_000_000)));
    history.end().await;
}
