//! `GET /v1/live`: a tab is told which of the resources that it shows to fetch again.

use serde_json::{Value, json};
use tenfold::both_databases;
use tenfold::testing::{TestApp, TestStream};

use crate::{join, new_owner, problem, sign_up, text, upload_a_picture};

pub(crate) const USERS: &str = "/v1/users?limit=10";
const FILES: &str = "/v1/files";
const NOTIFICATIONS: &str = "/v1/notifications";

/// An open stream of a tab.
pub(crate) struct Tab {
    stream: TestStream,
    pub(crate) last_id: String,
}

impl Tab {
    /// Opens one that shows these paths, after the event with this id if there is one.
    pub(crate) async fn open(app: &TestApp, token: &str, paths: &[&str], last_id: Option<&str>) -> Self {
        let mut request = app.get(&watching(paths)).bearer(token);
        if let Some(id) = last_id {
            request = request.header("last-event-id", id);
        }
        let stream = request.stream().await;
        assert_eq!((stream.status(), stream.header("content-type")), (200, "text/event-stream"));
        assert_eq!(stream.header("x-accel-buffering"), "no");
        Tab { stream, last_id: String::new() }
    }

    /// One that was told once to fetch everything.
    pub(crate) async fn settled(app: &TestApp, token: &str, paths: &[&str]) -> Self {
        let mut tab = Tab::open(app, token, paths, None).await;
        assert_eq!(tab.next().await, paths);
        tab
    }

    /// What to fetch again; waits until there is something.
    pub(crate) async fn next(&mut self) -> Vec<String> {
        let event = self.stream.next().await.expect("the stream goes on");
        let mut lines = event.lines();
        let mut field =
            |name: &str| lines.next().and_then(|line| line.strip_prefix(name)).unwrap_or_default().to_owned();
        self.last_id = field("id: ");
        assert_eq!(field("event: "), "changed", "{event}");
        let data: Value = serde_json::from_str(&field("data: ")).expect("data is JSON");
        data["watch"].as_array().expect("a list").iter().map(text).collect()
    }
}

fn watching(paths: &[&str]) -> String {
    let encoded = paths.iter().map(|path| path.replace('/', "%2F").replace('?', "%3F").replace('&', "%26"));
    let pairs: Vec<String> = encoded.map(|path| format!("watch={path}")).collect();
    format!("/v1/live?{}", pairs.join("&"))
}

/// The owner's own id.
pub(crate) async fn own_id(app: &TestApp, token: &str) -> String {
    text(&app.get("/v1/auth/session").bearer(token).send().await.json()["user"]["id"])
}

pub(crate) async fn rename(app: &TestApp, token: &str, user: &str, name: &str) -> u16 {
    let patch = json!({"profile": {"display_name": name}});
    app.request("PATCH", &format!("/v1/users/{user}")).bearer(token).json(&patch).send().await.status()
}

both_databases!(app::app(); async fn a_change_by_another_user_is_told_once(app) {
    let owner = new_owner(app).await;
    let renamed = join(app, &owner, "other@new.test", &["members.read", "members.write"]).await;
    let other = join(app, &owner, "third@new.test", &["members.read", "members.write"]).await;
    let mut tab = Tab::settled(app, &owner, &[USERS, NOTIFICATIONS]).await;
    let id = own_id(app, &renamed).await;
    assert_eq!(rename(app, &other, &id, "Ada").await, 200);
    assert_eq!(tab.next().await, [USERS]);
    // A change that is none, and one that the list does not show, are not told.
    assert_eq!(rename(app, &other, &id, "Ada").await, 200);
    assert_eq!(app.post("/v1/notifications/read-all").bearer(&owner).send().await.status(), 204);
    assert_eq!(rename(app, &other, &id, "Grace").await, 200);
    assert_eq!(tab.next().await, [USERS]);
});

both_databases!(app::app(); async fn a_change_by_a_job_is_told(app) {
    let owner = new_owner(app).await;
    let mut tab = Tab::settled(app, &owner, &[FILES, NOTIFICATIONS]).await;
    let upload = app.post("/v1/files?name=a.txt").bearer(&owner).body("one two").send().await;
    assert_eq!(upload.status(), 202, "{}", upload.text());
    assert_eq!(tab.next().await, [FILES]);
    app.run_due_jobs().await;
    let mut told = Vec::new();
    while !told.contains(&NOTIFICATIONS.to_owned()) || !told.contains(&FILES.to_owned()) {
        told.extend(tab.next().await);
    }
    let file = app.get(upload.header("location")).bearer(&owner).send().await.json();
    assert_eq!(file["status"], "ready");
});

// A list that is answered from memory has no statement that would name its table.
both_databases!(app::app(), [("cache.size", "1 MiB")]; async fn a_list_from_memory_is_live_too(app) {
    let owner = new_owner(app).await;
    let list = async || app.get(USERS).bearer(&owner).send().await;
    list().await;
    assert_eq!(list().await.statements(), 0);
    let mut tab = Tab::settled(app, &owner, &[USERS]).await;
    join(app, &owner, "zoe@new.test", &["members.read"]).await;
    assert_eq!(tab.next().await, [USERS]);
    assert_eq!(list().await.json()["items"].as_array().map(Vec::len), Some(2));
});

both_databases!(app::app(); async fn what_no_other_may_see_costs_no_look(app) {
    let owner = new_owner(app).await;
    let mut tab = Tab::settled(app, &owner, &[USERS]).await;
    let id = own_id(app, &owner).await;
    let stranger = text(&sign_up(app, "stranger@else.test").await["token"]);
    let strangers_id = own_id(app, &stranger).await;
    // The stream's second look, and those that the other organization's beginning caused.
    assert_eq!(rename(app, &owner, &id, "Ada").await, 200);
    assert_eq!(tab.next().await, [USERS]);
    app.forget();
    assert_eq!(rename(app, &stranger, &strangers_id, "Mallory").await, 200);
    // Rolled back: its second statement finds no such user.
    assert_eq!(rename(app, &owner, &strangers_id, "Nobody").await, 404);
    assert_eq!(rename(app, &owner, &id, "Grace").await, 200);
    assert_eq!(tab.next().await, [USERS]);
    let looks = app.statements().iter().filter(|ran| ran.name == "auth_users.list").count();
    assert_eq!(looks, 1, "{:?}", app.statements().iter().map(|ran| ran.name.clone()).collect::<Vec<_>>());
});

both_databases!(app::app(); async fn signing_out_ends_the_stream(app) {
    let owner = new_owner(app).await;
    let again = token_of_owner(app).await;
    let mut tab = Tab::settled(app, &owner, &[USERS]).await;
    let mut events = app.get("/v1/notifications/events").bearer(&owner).stream().await;
    assert!(events.next().await.is_some_and(|first| first.contains("event: unread")));
    let mut other = Tab::settled(app, &again, &[USERS]).await;
    assert_eq!(app.post("/v1/auth/sign-out").bearer(&owner).send().await.status(), 204);
    assert_eq!(tab.stream.next().await, None);
    assert_eq!(events.next().await, None);
    assert_eq!(rename(app, &again, &own_id(app, &again).await, "Ada").await, 200);
    assert_eq!(other.next().await, [USERS]);
});

both_databases!(app::app(); async fn a_change_missed_while_away_is_told_at_once(app) {
    let owner = new_owner(app).await;
    let tab = Tab::settled(app, &owner, &[USERS, FILES]).await;
    let seen = tab.last_id.clone();
    drop(tab);
    upload_a_picture(app, &owner).await;
    let mut tab = Tab::open(app, &owner, &[USERS, FILES], Some(&seen)).await;
    assert_eq!(tab.next().await, [FILES]);
    // Nothing was missed since, so the next event is that of the next change.
    let mut tab = Tab::open(app, &owner, &[USERS, FILES], Some(&tab.last_id)).await;
    assert_eq!(rename(app, &owner, &own_id(app, &owner).await, "Ada").await, 200);
    assert_eq!(tab.next().await, [USERS]);
    // An id of elsewhere.
    let mut tab = Tab::open(app, &owner, &[USERS, FILES], Some("7")).await;
    assert_eq!(tab.next().await, [USERS, FILES]);
});

both_databases!(app::app(), [("live.max_watches", "2")]; async fn a_watch_that_cannot_be_is_refused_by_name(app) {
    let owner = new_owner(app).await;
    let guest = join(app, &owner, "guest@new.test", &[]).await;
    let refused = async |token: &str, paths: &[&str], status: u16| {
        text(&problem(&app.get(&watching(paths)).bearer(token).send().await, status)["detail"])
    };
    assert_eq!(app.get(&watching(&[USERS])).send().await.status(), 401);
    assert!(refused(&guest, &[NOTIFICATIONS, USERS], 403).await.starts_with("watch=/v1/users?limit=10: "));
    assert!(refused(&owner, &["/v1/nothing"], 404).await.starts_with("watch=/v1/nothing is not a path"));
    let nobody = "/v1/users/01900000-0000-7000-8000-000000000000";
    assert!(refused(&owner, &[nobody], 404).await.starts_with(&format!("watch={nobody}: ")));
    assert!(refused(&owner, &["/v1/users?limit=0"], 400).await.starts_with("watch=/v1/users?limit=0: limit: 0 is not from 1"));
    assert!(refused(&owner, &["https://elsewhere.test/v1/users"], 400).await.contains("is not a path"));
    assert!(refused(&owner, &["/v1/notifications/events"], 400).await.contains("does not answer JSON"));
    assert!(refused(&owner, &["/v1/auth/sign-in"], 404).await.contains("is not a path"));
    let live = watching(&[USERS]);
    assert!(refused(&owner, &[&live], 400).await.contains("cannot be watched"));
    assert!(refused(&owner, &[USERS, FILES, NOTIFICATIONS], 400).await.contains("from 1 to 2"));
    assert_eq!(app.get("/v1/live").bearer(&owner).send().await.status(), 400);
    assert_eq!(app.get("/v1/live?look=1").bearer(&owner).send().await.status(), 400);
});

async fn token_of_owner(app: &TestApp) -> String {
    let credentials = json!({"email": "owner@new.test", "password": crate::PASSWORD});
    text(&app.post("/v1/auth/sign-in").json(&credentials).send().await.json()["token"])
}
