//! What must not be written anywhere: passwords, tokens, the secrets in them.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tenfold::both_databases;
use tenfold_observe::logs::{LogFilter, LogFormat, LogLayer};
use tracing_subscriber::layer::SubscriberExt as _;

use crate::{PASSWORD, sign_up, text};

both_databases!(app::app(); async fn neither_logs_nor_problems_nor_metrics_say_a_password_or_a_token(app) {
    let sink = Sink::default();
    let layer = LogLayer::new(LogFormat::Json, sink.clone()).expect("the thread that writes starts");
    let output = layer.output();
    let everything = LogFilter::parse("trace").expect("a level is a filter");
    let subscriber = tracing_subscriber::registry().with(layer.filtered(everything));
    let logging = tracing::subscriber::set_default(subscriber);

    let mut said = Vec::new();
    let token = text(&sign_up(app, "ada@new.test").await["token"]);
    for (path, body) in [
        ("/v1/auth/sign-in", json!({"email": "ada@new.test", "password": PASSWORD, "organization": 7})),
        ("/v1/auth/sign-in", json!({"email": "ada@new.test", "password": format!("{PASSWORD}\n")})),
        ("/v1/auth/sign-in", json!({"email": "bob@new.test", "password": PASSWORD})),
        ("/v1/auth/sign-up", json!({"email": "ada@new.test", "password": PASSWORD, "organization": "Again"})),
        ("/v1/auth/sign-up", json!({"email": "ada", "password": PASSWORD, "organization": "Again"})),
        ("/v1/projects", json!({"name": PASSWORD, "token": token})),
    ] {
        let answer = app.post(path).bearer(&token).json(&body).send().await;
        assert!(answer.status() >= 400, "{}", answer.text());
        said.push(answer.text());
    }
    let cookie = format!("tenfold={token}");
    assert_eq!(app.get("/v1/users").header("cookie", &cookie).send().await.status(), 200);
    assert_eq!(app.post("/v1/auth/sign-out").bearer(&token).send().await.status(), 204);
    said.push(app.get("/metrics").send().await.text());
    drop(logging);
    assert!(output.flush(Duration::from_secs(30)), "the lines are written");

    let log = sink.text();
    for known in ["auth_accounts.insert", "/v1/auth/sign-in"] {
        assert!(log.contains(known), "this is not the log: {log}");
    }
    said.push(log);
    for text in said {
        assert!(!text.contains(PASSWORD), "the password is in {text}");
        assert!(!text.contains(&token[3..]), "the token is in {text}");
    }
});

/// A writer whose clones write to the same text.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("no writer panicked")).into_owned()
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no writer panicked").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
