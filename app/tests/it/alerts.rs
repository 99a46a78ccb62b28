//! Alerts: an incident is told once, by webhook and by mail, and so is its end.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;
use tenfold::data::Dialect;
use tenfold::testing::TestApp;

use crate::why::{QUICK, ROUTE, app, second, two_owners_asking};

/// Takes longer than any other request here: what follows is no slower on a machine that is busy.
const USUAL: &str = "steps=200000&times=1&fails=false";
const FAILS: &str = "steps=1&times=1&fails=true";
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A receiver of webhooks.
pub(crate) struct Hook {
    pub(crate) url: String,
    got: Receiver<HookMessage>,
}

/// What was posted to it.
pub(crate) struct HookMessage {
    head: String,
    pub(crate) body: Value,
}

impl Hook {
    /// Answers the first messages with these statuses, and all others with the last of them.
    pub(crate) fn open(statuses: &'static [u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let url = format!("http://{}/hook?key=do-not-log", listener.local_addr().expect("it has an address"));
        let (told, got) = channel();
        std::thread::spawn(move || {
            for (number, connection) in listener.incoming().enumerate() {
                let status = statuses[number.min(statuses.len() - 1)];
                let Some(message) = connection.ok().and_then(|connection| answer(connection, status)) else {
                    continue;
                };
                if told.send(message).is_err() {
                    return;
                }
            }
        });
        Hook { url, got }
    }

    pub(crate) fn messages(&self) -> Vec<HookMessage> {
        self.got.try_iter().collect()
    }
}

/// Reads a message and answers it; nothing if the connection brings none.
fn answer(mut connection: TcpStream, status: u16) -> Option<HookMessage> {
    let mut text = Vec::new();
    let (head, body) = loop {
        let mut piece = [0; 4096];
        let read = connection.read(&mut piece).ok().filter(|read| *read > 0)?;
        text.extend_from_slice(&piece[..read]);
        let all = String::from_utf8_lossy(&text).into_owned();
        let Some((head, body)) = all.split_once("\r\n\r\n") else { continue };
        let lines = head.to_lowercase();
        let length = lines.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length = length.expect("it has a length");
        if body.len() >= length.parse().expect("it is a number") {
            break (head.to_owned(), body.to_owned());
        }
    };
    let location = "Location: http://127.0.0.1:1/elsewhere\r\n";
    let answered = write!(connection, "HTTP/1.1 {status} X\r\n{location}Content-Length: 0\r\n\r\n");
    answered.ok().map(|()| HookMessage { head, body: serde_json::from_str(&body).expect("it is JSON") })
}

/// Runs a test on both databases, with a receiver that answers so.
fn on_both_databases(statuses: &'static [u16], test: impl AsyncFn(&TestApp, &Hook)) {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let hook = Hook::open(statuses);
        let settings = [
            ("console.alert_webhook", &*hook.url),
            ("console.alert_secret", SECRET),
            ("console.alert_mail", "ops@acme.test"),
        ];
        tenfold::testing::run(app(), dialect, &settings, async |app| test(app, &hook).await);
    }
}

async fn fail_for_half_a_minute(app: &TestApp, one: &str, two: &str) {
    for _ in 0..30 {
        second(app, &[(one, FAILS), (two, FAILS)]).await;
    }
}

/// The messages about failures of this kind: durations are real here, and may be worth an alert of their own.
fn about_failures<'m>(messages: &'m [HookMessage], kind: &str) -> Vec<&'m HookMessage> {
    let is_about = |message: &&HookMessage| {
        let text = crate::text(&message.body["text"]);
        message.body["type"] == kind
            && text.contains(ROUTE)
            && (kind == "incident.over" || text.contains(" fail "))
    };
    messages.iter().filter(is_about).collect()
}

#[test]
fn an_incident_is_told_once_and_so_is_its_end() {
    on_both_databases(&[200], async |app, hook| {
        let (one, two) = two_owners_asking(app, USUAL).await;
        fail_for_half_a_minute(app, &one, &two).await;
        assert!(hook.messages().is_empty(), "nothing is sent before somebody looks");
        app.each_minute().await;
        app.each_minute().await;
        let messages = hook.messages();
        let [message] = &about_failures(&messages, "incident.began")[..] else {
            panic!("one message is sent")
        };
        let (head, body) = (&message.head, &message.body);
        assert!(
            head.starts_with("POST /hook?key=do-not-log HTTP/1.1") && head.contains("webhook-signature: v1,"),
            "{head}"
        );
        assert!(head.contains("webhook-id: msg_") && head.contains("webhook-timestamp: "), "{head}");
        assert_eq!(body["data"]["endpoints"][0]["route"], ROUTE, "{body}");
        let text = crate::text(&body["text"]);
        assert!(text.contains("Confidence") && text.contains("process "), "{text}");
        app.run_due_jobs().await;
        let mails = app.run(async |cx| tenfold_mail::admin::list_mails(&cx, 1).await).await;
        let mail = &mails.expect("mails can be read")[0];
        assert_eq!(mail.recipient, "ops@acme.test");
        assert!(mail.text.contains(ROUTE) && mail.text.contains("/console"), "{}", mail.text);
        let mut messages = Vec::new();
        for _ in 0..10 {
            for _ in 0..60 {
                second(app, &[(&one, QUICK)]).await;
            }
            app.each_minute().await;
            messages.extend(hook.messages());
        }
        assert_eq!(about_failures(&messages, "incident.over").len(), 1, "its end is told once");
        assert_eq!(about_failures(&messages, "incident.began").len(), 0);
    });
}

#[test]
fn a_receiver_that_fails_is_asked_again_and_then_left() {
    // A redirect is no delivery, and is not followed.
    on_both_databases(&[302, 500], async |app, hook| {
        let (one, two) = two_owners_asking(app, USUAL).await;
        fail_for_half_a_minute(app, &one, &two).await;
        for _ in 0..40 {
            app.each_minute().await;
            app.clock().advance(Duration::from_secs(60));
        }
        let messages = hook.messages();
        let id = |message: &HookMessage| {
            message.head.lines().find(|line| line.starts_with("webhook-id: ")).map(ToOwned::to_owned)
        };
        let began: Vec<_> = about_failures(&messages, "incident.began").into_iter().map(id).collect();
        assert_eq!(began.len(), 5, "{began:?}");
        assert!(began.iter().all(|id| id.is_some() && *id == began[0]), "{began:?}");
    });
}
