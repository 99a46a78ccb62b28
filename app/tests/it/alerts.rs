//! Alerts: an incident is told once, by webhook and by mail, and so is its end.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;
use tenfold::data::Dialect;
use tenfold::testing::TestApp;

use crate::why::{QUICK, ROUTE, app, second, two_owners};

const FAILS: &str = "steps=1&times=1&fails=true";
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A receiver of webhooks.
struct Hook {
    url: String,
    got: Receiver<HookMessage>,
}

/// What was posted to it.
struct HookMessage {
    head: String,
    body: Value,
}

impl Hook {
    /// Answers the first messages with these statuses, and all others with the last of them.
    fn open(statuses: &'static [u16]) -> Self {
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

    fn messages(&self) -> Vec<HookMessage> {
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
        let length =
            head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).expect("it has a length");
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

#[test]
fn an_incident_is_told_once_and_so_is_its_end() {
    on_both_databases(&[200], async |app, hook| {
        let (one, two) = two_owners(app).await;
        app.each_minute().await;
        assert!(hook.messages().is_empty(), "nothing is wrong");
        fail_for_half_a_minute(app, &one, &two).await;
        app.each_minute().await;
        app.each_minute().await;
        let [message] = &hook.messages()[..] else { panic!("one message is sent") };
        let (head, body) = (&message.head, &message.body);
        assert!(
            head.starts_with("POST /hook?key=do-not-log HTTP/1.1") && head.contains("webhook-signature: v1,"),
            "{head}"
        );
        assert!(head.contains("webhook-id: msg_") && head.contains("webhook-timestamp: "), "{head}");
        assert_eq!(body["type"], "incident.began");
        assert_eq!(body["data"]["endpoints"][0]["route"], ROUTE, "{body}");
        let text = crate::text(&body["text"]);
        assert!(text.contains(ROUTE) && text.contains("Confidence") && text.contains("process "), "{text}");
        app.run_due_jobs().await;
        let mails = app
            .run(async |cx| tenfold_mail::admin::list_mails(&cx, 1).await)
            .await
            .expect("mails can be read");
        assert_eq!(mails[0].recipient, "ops@acme.test");
        assert!(mails[0].text.contains(ROUTE) && mails[0].text.contains("/console"), "{}", mails[0].text);
        for _ in 0..5 {
            for _ in 0..60 {
                second(app, &[(&one, QUICK)]).await;
            }
            app.each_minute().await;
        }
        let [over] = &hook.messages()[..] else { panic!("its end is told once") };
        assert_eq!(over.body["type"], "incident.over");
        assert!(crate::text(&over.body["text"]).contains(ROUTE), "{}", over.body);
    });
}

#[test]
fn a_receiver_that_fails_is_asked_again_and_then_left() {
    // A redirect is no delivery, and is not followed.
    on_both_databases(&[302, 500], async |app, hook| {
        let (one, two) = two_owners(app).await;
        fail_for_half_a_minute(app, &one, &two).await;
        for _ in 0..40 {
            app.each_minute().await;
            app.clock().advance(Duration::from_secs(60));
        }
        let messages = hook.messages();
        let began: Vec<&str> = messages
            .iter()
            .filter(|message| message.body["type"] == "incident.began")
            .filter_map(|message| message.head.lines().find(|line| line.starts_with("webhook-id: ")))
            .collect();
        assert_eq!(began.len(), 5, "{began:?}");
        assert!(began.iter().all(|id| *id == began[0]), "{began:?}");
        assert_eq!(app.get("/healthz").send().await.status(), 200);
    });
}
