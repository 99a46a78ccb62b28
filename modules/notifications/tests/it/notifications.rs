//! What people are told: made from events, once, read by their owners alone, and live.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tenfold::data::{EntityExt as _, OrgId};
use tenfold::jobs::{Enqueue as _, FinishedJob, Job, JobContext, JobId, JobState};
use tenfold::testing::{TestApp, TestSession, TestStream};
use tenfold::{SystemContext, assert_statements, both_databases};
use tenfold_auth_api::UserId;
use tenfold_files_api::{FileId, FileReady};
use uuid::Uuid;

use crate::app;

/// Somebody who is signed in.
pub struct Person {
    pub token: String,
    pub user: UserId,
    pub organization: OrgId,
}

impl Person {
    pub fn new(session: &TestSession) -> Self {
        let (user, organization) = (UserId(session.user), session.organization);
        Person { token: session.token(), user, organization }
    }

    /// The user of Acme with this number.
    pub fn of_acme(number: u128) -> Self {
        Person::new(&TestSession::new("").of_user(number))
    }
}

impl Person {
    /// A file of this person was processed.
    fn file(&self, name: &str) -> FileReady {
        FileReady { file: FileId(Uuid::from_u128(7)), name: name.to_owned(), user_id: self.user }
    }

    /// Files of this person are processed, and the person is told.
    async fn is_told(&self, app: &TestApp, names: &[&str]) {
        for name in names {
            let event = self.file(name);
            let publish = async |cx: SystemContext| {
                cx.within(self.organization).transaction(async |tx| tx.publish(event).await).await
            };
            app.run(publish).await.expect("the event is published");
        }
        app.run_due_jobs().await;
    }

    pub async fn notifications(&self, app: &TestApp) -> Value {
        let answer = app.get("/v1/notifications").bearer(&self.token).send().await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        answer.json()
    }

    pub async fn post(&self, app: &TestApp, path: &str) -> u16 {
        app.post(&format!("/v1/notifications/{path}")).bearer(&self.token).send().await.status()
    }

    /// Opens the stream; behind `last_id` if there is one.
    async fn stream(&self, app: &TestApp, last_id: Option<&str>) -> ToldEvents {
        let mut request = app.get("/v1/notifications/events").bearer(&self.token);
        if let Some(id) = last_id {
            request = request.header("last-event-id", id);
        }
        let stream = request.stream().await;
        assert_eq!(stream.status(), 200);
        ToldEvents { stream, waiting: Vec::new() }
    }
}

/// One event of a stream: its id, its name, what it says.
type ToldEvent = (String, String, Value);

struct ToldEvents {
    stream: TestStream,
    waiting: Vec<ToldEvent>,
}

impl ToldEvents {
    async fn next(&mut self) -> ToldEvent {
        while self.waiting.is_empty() {
            let text = self.stream.next().await.expect("the stream goes on");
            self.waiting = text.split_terminator("\n\n").filter_map(read_event).collect();
        }
        self.waiting.remove(0)
    }
}

fn read_event(text: &str) -> Option<ToldEvent> {
    let mut lines = text.lines();
    let id = lines.next()?.strip_prefix("id: ")?;
    let name = lines.next()?.strip_prefix("event: ")?;
    let data = lines.next()?.strip_prefix("data: ")?;
    Some((id.to_owned(), name.to_owned(), serde_json::from_str(data).expect("data is JSON")))
}

fn bodies(notifications: &Value) -> Vec<&str> {
    let items = notifications["items"].as_array().expect("a list");
    items.iter().filter_map(|item| item["body"].as_str()).collect()
}

both_databases!(app(); async fn the_owner_of_a_file_that_is_ready_is_told_and_nobody_else(app) {
    let owner = Person::of_acme(1);
    owner.is_told(app, &["logo.png"]).await;
    let told = owner.notifications(app).await;
    assert_eq!(told["unread"], 1);
    assert_eq!(told["items"].as_array().map(Vec::len), Some(1));
    let first = &told["items"][0];
    assert_eq!((&first["kind"], &first["body"]), (&json!("file_ready"), &json!("logo.png")));
    assert_eq!(first["link"], format!("/v1/files/{}", Uuid::from_u128(7)));
    assert_eq!(first["read_at"], Value::Null);
    for stranger in [Person::of_acme(2), Person::new(&TestSession::new("").of_organization(2))] {
        assert_eq!(stranger.notifications(app).await, json!({"items": [], "next_cursor": null, "unread": 0}));
        let path = format!("{}/read", first["id"].as_str().expect("an id"));
        assert_eq!(stranger.post(app, &path).await, 404);
        assert_eq!(stranger.post(app, "read-all").await, 204);
    }
    assert_eq!(owner.notifications(app).await["unread"], 1);
    assert_eq!(app.get("/v1/notifications").send().await.status(), 401);
    assert_eq!(app.get("/v1/notifications/events").send().await.status(), 401);
});

both_databases!(app(); async fn what_was_read_stays_read_since_it_was_read_first(app) {
    let owner = Person::of_acme(1);
    owner.is_told(app, &["one", "two", "three"]).await;
    let told = owner.notifications(app).await;
    assert_eq!((bodies(&told), &told["unread"]), (vec!["three", "two", "one"], &json!(3)));
    let path = format!("{}/read", told["items"][0]["id"].as_str().expect("an id"));
    assert_eq!(owner.post(app, &path).await, 204);
    let read = owner.notifications(app).await;
    assert_eq!((&read["unread"], read["items"][0]["read_at"].is_string()), (&json!(2), true));
    app.clock().advance(Duration::from_secs(60));
    assert_eq!(owner.post(app, &path).await, 204);
    assert_eq!(owner.notifications(app).await, read);
    for _ in 0..2 {
        assert_eq!(owner.post(app, "read-all").await, 204);
        let all = owner.notifications(app).await;
        assert_eq!((&all["unread"], &all["items"][0]), (&json!(0), &read["items"][0]));
    }
    assert_eq!(owner.post(app, &format!("{}/read", Uuid::from_u128(1))).await, 404);
    assert_eq!(owner.post(app, "mine/read").await, 400);
});

/// A delivery to the listener, enqueued by its name so that the test knows its id.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct FileDelivery(FileReady);

impl Job for FileDelivery {
    const KIND: &'static str = "notifications.on_file_ready";

    async fn run(self, _: JobContext) -> anyhow::Result<()> {
        unreachable!("the application's listener of this name runs")
    }
}

/// A row that is in the way when the job is to move to the history.
pub fn obstacle(id: JobId, kind: &str, app: &TestApp) -> FinishedJob {
    FinishedJob {
        id,
        org_id: None,
        kind: kind.to_owned(),
        queue: "default".to_owned(),
        state: JobState::Cancelled,
        steps: 0,
        version: 1,
        tags: json!([]),
        batch_id: None,
        order_key: None,
        order_number: 0,
        args: Value::Null,
        priority: 0,
        max_attempts: 1,
        attempt: 1,
        crashes: 0,
        percent: 0,
        message: String::new(),
        errors: json!([]),
        trace: String::new(),
        created_at: app.clock().now(),
        finished_at: app.clock().now(),
    }
}

both_databases!(app(); async fn an_event_that_is_delivered_twice_is_told_once(app) {
    // What is due at every start is no part of this.
    app.run_due_jobs().await;
    let owner = Person::of_acme(1);
    let deliver = async |cx: SystemContext| {
        let delivery = FileDelivery(owner.file("twice"));
        cx.within(owner.organization).transaction(async |tx| tx.enqueue(delivery).await).await
    };
    let id = app.run(deliver).await.expect("the delivery is enqueued");
    // The end of the first run cannot be noted: as if its worker were killed after the listener's commit.
    let row = obstacle(id, FileDelivery::KIND, app);
    let block = async |cx: SystemContext| cx.transaction(async |tx| row.insert(tx).await).await;
    app.run(block).await.expect("the obstacle is stored");
    assert_eq!(app.run_due_jobs().await, 1);
    assert_eq!(owner.notifications(app).await["unread"], 1);
    let clear = async |cx: SystemContext| cx.transaction(async |tx| FinishedJob::delete(tx, id).await).await;
    app.run(clear).await.expect("the obstacle is removed");
    app.clock().advance(Duration::from_secs(60));
    assert_eq!(app.run_due_jobs().await, 1);
    let finished = app.run(async |cx: SystemContext| FinishedJob::find(&cx, id).await).await;
    let finished = finished.expect("the history can be read").expect("the second run was completed");
    assert_eq!((finished.state, finished.attempt, finished.crashes), (JobState::Completed, 2, 1));
    let told = owner.notifications(app).await;
    assert_eq!((bodies(&told), &told["unread"]), (vec!["twice"], &json!(1)));
});

both_databases!(app(); async fn a_list_of_notifications_costs_two_statements_for_any_length(app) {
    let owner = Person::of_acme(1);
    let mut before = 0;
    for count in [1, 10, 100] {
        owner.is_told(app, &vec!["file"; count - before]).await;
        before = count;
        let list = app.get(&format!("/v1/notifications?limit={count}")).bearer(&owner.token);
        let answer = assert_statements!(app, list, 2);
        assert_eq!(answer.json()["items"].as_array().map(Vec::len), Some(count));
        assert_eq!(answer.json()["unread"], count);
    }
});

both_databases!(app(); async fn a_long_list_is_read_page_by_page(app) {
    let owner = Person::of_acme(1);
    owner.is_told(app, &["one", "two", "three"]).await;
    let first = app.get("/v1/notifications?limit=2").bearer(&owner.token).send().await.json();
    assert_eq!((bodies(&first), &first["unread"]), (vec!["three", "two"], &json!(3)));
    let cursor = first["next_cursor"].as_str().expect("there is more");
    let list = format!("/v1/notifications?limit=2&cursor={cursor}");
    let second = app.get(&list).bearer(&owner.token).send().await.json();
    assert_eq!((bodies(&second), &second["next_cursor"]), (vec!["one"], &Value::Null));
});

both_databases!(app(); async fn a_stream_tells_live_and_goes_on_behind_the_last_event(app) {
    let owner = Person::of_acme(1);
    owner.is_told(app, &["before"]).await;
    let before = owner.notifications(app).await;
    let newest = before["items"][0]["id"].as_str().expect("an id").to_owned();
    let mut events = owner.stream(app, None).await;
    // What was there is in the list; the stream begins with the number.
    assert_eq!(events.next().await, (newest.clone(), "unread".to_owned(), json!({"unread": 1})));
    owner.is_told(app, &["live"]).await;
    let list = owner.notifications(app).await;
    let live = list["items"][0]["id"].as_str().expect("an id").to_owned();
    assert_eq!(events.next().await, (live.clone(), "notification".to_owned(), list["items"][0].clone()));
    assert_eq!(events.next().await, (live.clone(), "unread".to_owned(), json!({"unread": 2})));
    assert_eq!(owner.post(app, "read-all").await, 204);
    assert_eq!(events.next().await, (live.clone(), "unread".to_owned(), json!({"unread": 0})));
    drop(events);
    owner.is_told(app, &["away"]).await;
    let away = owner.notifications(app).await["items"][0].clone();
    let mut events = owner.stream(app, Some(&live)).await;
    let (id, name, told) = events.next().await;
    assert_eq!((id.as_str(), name.as_str(), &told), (away["id"].as_str().expect("an id"), "notification", &away));
    assert_eq!(events.next().await.2, json!({"unread": 1}));
    // A client that was told nothing but the first number comes back as well.
    let mut events = owner.stream(app, Some(&newest)).await;
    assert_eq!(events.next().await.0, live);
    assert_eq!(events.next().await.0, id);
    let wrong = app.get("/v1/notifications/events").bearer(&owner.token).header("last-event-id", "7").send().await;
    assert_eq!(wrong.status(), 400);
});

both_databases!(app(); async fn a_stream_tells_what_comes_to_light_behind_a_later_id(app) {
    let owner = Person::of_acme(1);
    // The client knows a notification that was made five seconds from now, by a process whose clock is ahead.
    let ahead = app.clock().now().as_millisecond() + 5_000;
    let ahead = Uuid::from_u128(u128::from(ahead.unsigned_abs()) << 80).to_string();
    let mut events = owner.stream(app, Some(&ahead)).await;
    assert_eq!(events.next().await, (ahead.clone(), "unread".to_owned(), json!({"unread": 0})));
    owner.is_told(app, &["slow"]).await;
    let (id, name, told) = events.next().await;
    assert_eq!((id, name, &told["body"]), (ahead.clone(), "notification".to_owned(), &json!("slow")));
    assert_eq!(events.next().await, (ahead, "unread".to_owned(), json!({"unread": 1})));
});
