//! Looks of live streams while more comes than may run. The tests hold requests open, so nothing depends on time.

use std::pin::pin;

use futures_util::future::{Either, join_all, select};
use tenfold::both_databases;
use tenfold::testing::TestApp;

use super::going_away::until;
use super::overload::{FOUR, figure, hold};
use crate::live::{Tab, USERS, own_id, rename};
use crate::{new_owner, probe, sign_up, text};

/// As `FOUR`, and the others wait for as long as the test wants.
const WAITING: [(&str, &str); 7] = [
    ("admission.min_limit", "4"),
    ("admission.max_limit", "4"),
    ("admission.max_waiting", "100"),
    ("admission.max_wait", "1h"),
    ("admission.overload_wait", "1h"),
    ("http.deadline", "1h"),
    ("live.looks_at_once", "20"),
];

const ADMITTED: &str = "tenfold_admission_admitted_total{class=\"best_effort\"}";
const REFUSED: &str = "tenfold_admission_refused_total{class=\"best_effort\"}";

/// A different resource for each number.
fn lists(numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
    numbers.into_iter().map(|number| format!("/v1/users?limit={number}")).collect()
}

/// A stream that was told everything: it has nothing to say, and may look at once.
async fn up_to_date(app: &TestApp, token: &str, path: &str) -> Tab {
    let position = newest(app, token, path).await;
    Tab::open(app, token, &[path], Some(&position)).await
}

/// Polls streams until this holds; they must say nothing meanwhile.
async fn silent_until(tabs: &mut [Tab], what: &str, condition: impl AsyncFn() -> bool) {
    let told = join_all(tabs.iter_mut().map(Tab::next));
    if let Either::Left((told, _)) = select(pin!(told), pin!(until(what, condition))).await {
        panic!("before {what} they say {told:?}");
    }
}

/// The position of a stream that has just been told everything.
async fn newest(app: &TestApp, token: &str, path: &str) -> String {
    Tab::settled(app, token, &[path]).await.last_id
}

/// How many statements with this name ran before the first one with that name.
fn ran_before(app: &TestApp, name: &str, first: &str) -> usize {
    let ran = app.statements();
    let end = ran.iter().position(|ran| ran.name == first).expect("it ran");
    ran[..end].iter().filter(|ran| ran.name == name).count()
}

both_databases!(probe::app(), WAITING; async fn a_look_waits_for_requests_and_finds_the_newest(app) {
    let owner = new_owner(app).await;
    let id = own_id(app, &owner).await;
    let mut tab = [up_to_date(app, &owner, USERS).await];
    let held = (hold(app.get("/probe/hang")), hold(app.get("/probe/hang")));
    let before = figure(app, ADMITTED).await;
    assert_eq!(rename(app, &owner, &id, "Ada").await, 200);
    silent_until(&mut tab, "its look waits", async || figure(app, "tenfold_admission_waiting").await == 1).await;
    assert_eq!(rename(app, &owner, &id, "Grace").await, 200);
    assert_eq!(figure(app, ADMITTED).await, before);
    drop(held);
    assert_eq!(tab[0].next().await, [USERS]);
    assert!(figure(app, ADMITTED).await > before);
    assert_eq!(tab[0].last_id, newest(app, &owner, USERS).await);
});

both_databases!(probe::app(), FOUR; async fn a_look_that_is_refused_is_made_later(app) {
    let owner = new_owner(app).await;
    let id = own_id(app, &owner).await;
    let mut tab = [up_to_date(app, &owner, USERS).await];
    let held = (hold(app.get("/probe/hang")), hold(app.get("/probe/hang")));
    assert_eq!(rename(app, &owner, &id, "Ada").await, 200);
    silent_until(&mut tab, "its look is refused", async || figure(app, REFUSED).await == 1).await;
    drop(held);
    assert_eq!(tab[0].next().await, [USERS]);
    assert_eq!(tab[0].last_id, newest(app, &owner, USERS).await);
});

both_databases!(probe::app(), FOUR; async fn a_look_of_an_events_stream_gives_way_too(app) {
    let owner = new_owner(app).await;
    let held = (hold(app.get("/probe/hang")), hold(app.get("/probe/hang")));
    // Its first look is as a request, and so is not refused.
    let mut events = app.get("/probe/events").bearer(&owner).stream().await;
    assert!(events.next().await.is_some_and(|event| event.contains("data: 0")));
    assert_eq!(app.post("/probe/notes").send().await.status(), 200);
    let refused = until("its look is refused", async || figure(app, REFUSED).await == 1);
    assert!(matches!(select(pin!(events.next()), pin!(refused)).await, Either::Right(_)));
    drop(held);
    assert!(events.next().await.is_some_and(|event| event.contains("data: 1")));
});

both_databases!(probe::app(), WAITING; async fn another_organization_goes_before_many_looks(app) {
    let owner = new_owner(app).await;
    let stranger = text(&sign_up(app, "stranger@else.test").await["token"]);
    let id = own_id(app, &owner).await;
    let mut tabs = Vec::new();
    for path in lists(1..=12) {
        tabs.push(up_to_date(app, &owner, &path).await);
    }
    assert_eq!(rename(app, &owner, &id, "Ada").await, 200);
    let held = (hold(app.get("/probe/hang")), hold(app.get("/probe/hang")));
    let before = figure(app, ADMITTED).await;
    silent_until(&mut tabs, "they wait", async || figure(app, "tenfold_admission_waiting").await == 12).await;
    assert_eq!(app.get(USERS).bearer(&stranger).send().await.status(), 200);
    assert_eq!(figure(app, ADMITTED).await, before);
    drop(held);
    let told = join_all(tabs.iter_mut().map(Tab::next)).await;
    assert_eq!(told.concat(), lists(1..=12));
});

/// One look at a time.
const IN_TURN: [(&str, &str); 7] = {
    let mut settings = WAITING;
    settings[6] = ("live.looks_at_once", "1");
    settings
};

both_databases!(probe::app(), IN_TURN; async fn organizations_take_turns_to_look(app) {
    let owner = new_owner(app).await;
    let stranger = text(&sign_up(app, "stranger@else.test").await["token"]);
    let id = own_id(app, &owner).await;
    let mut tabs = Vec::new();
    for path in lists(1..=24) {
        tabs.push(up_to_date(app, &owner, &path).await);
    }
    // It arrives last.
    tabs.push(up_to_date(app, &stranger, "/probe/counted").await);
    assert_eq!(rename(app, &owner, &id, "Ada").await, 200);
    for _ in 0..2 {
        assert_eq!(app.post("/probe/notes").send().await.status(), 200);
    }
    let held = (hold(app.get("/probe/hang")), hold(app.get("/probe/hang")));
    silent_until(&mut tabs, "one waits", async || figure(app, "tenfold_admission_waiting").await == 1).await;
    app.forget();
    drop(held);
    join_all(tabs.iter_mut().map(Tab::next)).await;
    // The one that had its turn already, and one in each of the eight lanes of its organization.
    let before = ran_before(app, "auth_users.list", "probe.counted");
    assert!(before <= 9, "{before}");
});

both_databases!(probe::app(), WAITING; async fn equal_streams_of_a_caller_share_their_looks(app) {
    let owner = new_owner(app).await;
    let id = own_id(app, &owner).await;
    let mut tabs = Vec::new();
    for _ in 0..5 {
        tabs.push(up_to_date(app, &owner, USERS).await);
    }
    assert_eq!(rename(app, &owner, &id, "Ada").await, 200);
    let held = (hold(app.get("/probe/hang")), hold(app.get("/probe/hang")));
    let before = figure(app, ADMITTED).await;
    silent_until(&mut tabs, "one waits", async || figure(app, "tenfold_admission_waiting").await == 1).await;
    // The one that asked for the look goes.
    drop(tabs.remove(0));
    app.forget();
    drop(held);
    for told in join_all(tabs.iter_mut().map(Tab::next)).await {
        assert_eq!(told, [USERS]);
    }
    assert_eq!(figure(app, ADMITTED).await, before + 1);
    assert_eq!(app.statements().iter().filter(|ran| ran.name == "auth_users.list").count(), 1);
});

both_databases!(probe::app(); async fn a_look_that_has_begun_is_not_joined(app) {
    let owner = new_owner(app).await;
    let path = "/probe/counted";
    let write = async || assert_eq!(app.post("/probe/notes").send().await.status(), 200);
    let mut early = [up_to_date(app, &owner, path).await];
    let mut late = up_to_date(app, &owner, path).await;
    app.forget();
    write().await;
    let has_counted = async || app.statements().iter().any(|ran| ran.name == "probe.counted");
    silent_until(&mut early, "it has found one", has_counted).await;
    write().await;
    // The early look has not ended, and knows nothing of the second note.
    assert_eq!(late.next().await, [path]);
    write().await;
    assert_eq!(late.next().await, [path]);
    let newest = newest(app, &owner, path).await;
    assert_eq!(late.last_id, newest);
    while early[0].last_id != newest {
        assert_eq!(early[0].next().await, [path]);
    }
});
