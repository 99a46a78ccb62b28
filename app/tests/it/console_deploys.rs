//! The page of the deploys.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tenfold::data::{Clock, DataError, Database, DatabaseSettings, Timestamp, TraceContext};
use tenfold::telemetry::diagnosis::{ChangeKind, JournalLimits};
use tenfold::telemetry::{Beginning, Ending, Telemetry, Totals};
use tenfold::testing::{KeptHistory, TestApp};
use tenfold::{SystemContext, both_databases, sql};

use crate::why::{QUICK, ROUTE, operator, second};
use crate::{console, sign_up, text};

const PASSWORD: &str = "a long enough password";
const OTHER: &str = "GET /lab/others";
/// The first process had the version before.
const BEFORE: &str = "app 0.0.9 started";
/// A version whose processes end at once.
const LOOP: &str = "app 0.0.8 started";
/// What changed with the version before.
const SETTING: &str = "http.deadline changed from 9s to 11s";
const NOW: &str = concat!("app ", env!("CARGO_PKG_VERSION"));

async fn page(app: &TestApp, query: &str) -> String {
    let cookie = operator(app).await;
    console::page(app, &cookie, &format!("/console/deploys{query}")).await.text()
}

/// The part of the page that begins with the time of a deploy and its title.
fn section<'p>(page: &'p str, title: &str) -> &'p str {
    let mut sections = page.split("<section class=\"deploy\">").skip(1);
    let found =
        sections.find(|section| section.split("</h2>").next().is_some_and(|heading| heading.contains(title)));
    found.unwrap_or_else(|| panic!("no deploy is {title}: {page}"))
}

/// A request that took so many milliseconds, and a little more.
fn request(telemetry: &Telemetry, name: &str, ms: u64) {
    let (trace, took) = (TraceContext::start_random(), Duration::from_millis(ms));
    let beginning = Beginning::of_request(name.to_owned(), trace, telemetry.clock().now());
    let arrived = Instant::now().checked_sub(took).expect("the machine runs for longer");
    telemetry.begin_arrived(beginning, arrived, took).end(Ending::Answered(200), Totals::default());
}

fn file(app: &TestApp) -> PathBuf {
    app.folder().join("why.db")
}

/// The process before the application's: it began so many seconds before now, and served the last ten minutes of this time.
async fn earlier_process(app: &TestApp, ago: i64) {
    let now = app.clock().now().as_second();
    let began = Timestamp::from_second(now - ago).unwrap_or_default();
    let clock = Clock::manual(began);
    let telemetry = Telemetry::new(clock.clone());
    telemetry.record_for_why(JournalLimits::default());
    let history = KeptHistory::begin(&file(app), &telemetry, began).await;
    telemetry.changed(ChangeKind::Deploy, BEFORE.to_owned());
    telemetry.changed(ChangeKind::Setting, SETTING.to_owned());
    clock.advance(Duration::from_secs(u64::try_from(ago - 600).unwrap_or(0)));
    for _ in 0..300 {
        request(&telemetry, ROUTE, 5);
        request(&telemetry, OTHER, 700);
        clock.advance(Duration::from_secs(2));
    }
    history.end().await;
}

both_databases!(crate::why::app(), [("console.password", PASSWORD)]; async fn a_deploy_that_slows_an_endpoint_is_told_with_it(app) {
    earlier_process(app, 3_600).await;
    let began = app.clock().now();
    let history = KeptHistory::begin(&file(app), app.telemetry(), began).await;
    app.telemetry().changed(ChangeKind::Setting, "http.deadline changed from 11s to 7s".to_owned());
    let owner = text(&sign_up(app, "one@new.test").await["token"]);
    app.run_due_jobs().await;
    for _ in 0..10 {
        second(app, &[(&owner, "steps=2000000&times=1&fails=false")]).await;
        request(app.telemetry(), OTHER, 705);
    }
    let shown = page(app, "").await;
    let new = section(&shown, NOW);
    let worst = format!("the worst is <code>{ROUTE}</code>: takes ");
    for part in ["1 got worse", &worst, "<li>http.deadline changed from 11s to 7s</li>", "Worst: takes ", "1 shows no clear difference"] {
        assert!(new.contains(part), "{part}: {new}");
    }
    for part in ["30.0/min</span> → 1.00/s", "The 10 minutes before are compared with the 10 seconds after", "/console/endpoints/days?name=GET%20/lab/things#hour-"] {
        assert!(new.contains(part), "{part}: {new}");
    }
    assert!(new.contains(OTHER) && new.contains("no clear difference"), "{new}");
    let old = section(&shown, BEFORE);
    assert!(old.contains("Not known: no request and no job ended"), "{old}");
    // The newest stands first.
    assert!(shown.find(NOW) < shown.find(BEFORE), "{shown}");
    assert!(section(&page(app, "?skip=1").await, BEFORE).contains("Not known"));
    history.end().await;
});

/// Processes of a version that end at once: twelve starts, and a setting that changed with the first.
async fn crash_loop(app: &TestApp, ago: i64) {
    for start in 0..12 {
        let began =
            Timestamp::from_second(app.clock().now().as_second() - ago + 100 * start).unwrap_or_default();
        let telemetry = Telemetry::new(Clock::manual(began));
        telemetry.record_for_why(JournalLimits::default());
        telemetry.changed(ChangeKind::Deploy, LOOP.to_owned());
        if start == 0 {
            telemetry.changed(ChangeKind::Setting, "mail.url changed".to_owned());
        }
        KeptHistory::begin(&file(app), &telemetry, began).await.kill().await;
    }
}

both_databases!(crate::why::app(), [("console.password", PASSWORD)]; async fn a_crash_loop_is_one_deploy(app) {
    crash_loop(app, 5_400).await;
    earlier_process(app, 3_600).await;
    let history = KeptHistory::begin(&file(app), app.telemetry(), app.clock().now()).await;
    let shown = page(app, "").await;
    assert_eq!(shown.matches("<section class=\"deploy\">").count(), 3, "{shown}");
    let looped = section(&shown, &format!("{LOOP} (12 times)"));
    assert!(looped.contains("<li>mail.url changed</li>"), "{looped}");
    assert!(shown.find(BEFORE) < shown.find(LOOP), "{shown}");
    let cookie = operator(app).await;
    let changes = console::page(app, &cookie, "/console/changes").await.text();
    assert_eq!(changes.matches(LOOP).count(), 1, "{changes}");
    assert!(changes.contains(&format!("{LOOP} (12 times)")), "{changes}");
    history.end().await;
});

/// The file of a history, beside the process that has it.
fn opened(file: &Path) -> Database {
    let url = format!("sqlite:{}", file.display());
    Database::open(&url, &DatabaseSettings::default(), Clock::system(), Vec::new()).expect("it can be opened")
}

/// Makes the hours of a file unreadable.
async fn drop_hours(file: &Path) {
    let database = opened(file);
    let drop = async |cx: SystemContext| {
        cx.transaction(async |tx| {
            sql!("tenfold_why_hours.drop", "DROP TABLE tenfold_why_hours").execute(tx).await
        })
        .await
    };
    database.run(None, drop).await.expect("they are there");
    database.close().await;
}

both_databases!(crate::why::app(), [("console.password", PASSWORD)]; async fn a_file_that_is_unreadable_leaves_what_is_in_memory(app) {
    earlier_process(app, 3_600).await;
    let history = KeptHistory::begin(&file(app), app.telemetry(), app.clock().now()).await;
    drop_hours(&file(app)).await;
    let owner = text(&sign_up(app, "one@new.test").await["token"]);
    app.run_due_jobs().await;
    for _ in 0..10 {
        second(app, &[(&owner, "steps=2000000&times=1&fails=false")]).await;
    }
    let shown = page(app, "").await;
    assert!(shown.contains("The file of why.history cannot be read"), "{shown}");
    let new = section(&shown, NOW);
    assert!(new.contains(&format!("the worst is <code>{ROUTE}</code>: takes ")), "{new}");
    history.kill().await;
});

/// Ten minutes of a build that writes pages with something new.
async fn newer_pages(file: &Path, until: i64) {
    KeptHistory::begin(file, &Telemetry::new(Clock::system()), Timestamp::default()).await.kill().await;
    let database = opened(file);
    let body = "{\"series\":[[\"GET /orders\",{\"NewPart\":1},[]]],\"events\":[],\"changes\":[]}";
    let write = async |cx: SystemContext| {
        cx.transaction(async |tx| {
            for page in 0..60 {
                let write = sql!(
                    "tenfold_why_pages.newer",
                    "INSERT INTO tenfold_why_pages (id, ends_at, body) VALUES ($1, $2, $3)"
                );
                let write = write.bind(cx.new_id()).bind(until - 10 * page).bind(body.to_owned());
                write.repeated("a test writes what a process writes in ten minutes").execute(tx).await?;
            }
            Ok::<_, DataError>(())
        })
        .await
    };
    database.run(None, write).await.expect("they can be written");
    database.close().await;
}

both_databases!(crate::why::app(), [("console.password", PASSWORD)]; async fn pages_of_a_newer_build_are_told(app) {
    newer_pages(&file(app), app.clock().now().as_second()).await;
    let history = KeptHistory::begin(&file(app), app.telemetry(), app.clock().now()).await;
    let cookie = operator(app).await;
    let told = format!("some 10 min of the history for `why` in {}", file(app).display());
    for path in ["/console", "/console/deploys", "/console/endpoints/days?name=x"] {
        let shown = console::page(app, &cookie, path).await.text();
        assert!(shown.contains(&told) && shown.contains("a newer build wrote it"), "{path}: {shown}");
    }
    history.end().await;
});

both_databases!(crate::why::app(), [("console.password", PASSWORD)]; async fn an_old_deploy_is_told_by_the_minutes_of_the_file(app) {
    earlier_process(app, 3_600).await;
    let began = app.clock().now();
    let history = KeptHistory::begin(&file(app), app.telemetry(), began).await;
    app.clock().advance(Duration::from_secs(60));
    for _ in 0..120 {
        request(app.telemetry(), ROUTE, 5);
        request(app.telemetry(), OTHER, 300);
        app.clock().advance(Duration::from_secs(2));
    }
    app.telemetry().changed(ChangeKind::Schedule, "the queue default was paused".to_owned());
    app.clock().advance(Duration::from_secs(5 * 3_600));
    let shown = page(app, "").await;
    let new = section(&shown, NOW);
    for part in ["Nothing got worse. 1 got better. 1 shows no clear difference.", "in whole minutes", "% less time"] {
        assert!(new.contains(part), "{part}: {new}");
    }
    // The memory has forgotten the process before, and the file has not.
    assert!(section(&shown, BEFORE).contains(&format!("<li>{SETTING}</li>")), "{shown}");
    // What an operator does is no deploy.
    let (_, beside) = new.split_once("Also in this time:").unwrap_or_else(|| panic!("{new}"));
    assert!(beside.contains("the queue default was paused"), "{new}");
    assert_eq!(shown.matches("the queue default was paused").count(), 1, "{shown}");
    // Percentiles are known to 6 %.
    assert!(new.contains(OTHER) && !new.contains("–"), "{new}");
    history.end().await;
});

both_databases!(crate::why::app(), [("console.password", PASSWORD)]; async fn without_a_history_a_start_knows_no_before(app) {
    let owner = text(&sign_up(app, "one@new.test").await["token"]);
    app.run_due_jobs().await;
    second(app, &[(&owner, QUICK)]).await;
    let shown = page(app, "").await;
    let new = section(&shown, NOW);
    let unknown = "Not known: nothing is recorded of the 10 minutes before it, as this process keeps no history.";
    assert!(new.contains(unknown), "{new}");
    assert!(shown.contains("<code>why.history</code>") && !new.contains("<table"), "{shown}");
});

both_databases!(crate::why::app(), [("console.password", PASSWORD), ("why.record", "false")]; async fn what_is_not_recorded_has_no_deploys(app) {
    assert!(page(app, "").await.contains("why.record turns it on"));
});
