//! What must not be written anywhere: passwords, tokens, the secrets in them.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use tenfold::data::{DataError, Dialect};
use tenfold::testing::TestApp;
use tenfold::{both_databases, sql};
use tenfold_observe::logs::{LogFilter, LogFormat, LogLayer};
use tracing_subscriber::layer::SubscriberExt as _;

use crate::{PASSWORD, sign_up, text};

/// The random part of a token, which is all that makes it secret.
fn secret(token: &str) -> Vec<u8> {
    let bytes = URL_SAFE_NO_PAD.decode(token.strip_prefix("tf_").expect("a token has a prefix"));
    bytes.expect("a token is base64url")[32..48].to_vec()
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

both_databases!(app::app(); async fn the_database_holds_neither_passwords_nor_what_opens_a_session(app) {
    let token = text(&sign_up(app, "ada@new.test").await["token"]);
    let (sessions, accounts) = stored(app).await;
    let secrets = [PASSWORD.as_bytes().to_vec(), token.clone().into_bytes(), secret(&token)];
    assert_eq!((sessions.len(), accounts.len()), (1, 1));
    for (hash,) in sessions {
        assert_eq!(hash.len(), 32, "a SHA-256");
        assert!(secrets.iter().all(|secret| !contains(&hash, secret)));
    }
    for (hash,) in accounts {
        // OWASP's second choice for argon2id.
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(!hash.contains(PASSWORD));
    }
    if app.database().dialect() == Dialect::Sqlite {
        let raw = raw_files(app.database_url());
        assert!(contains(&raw, b"ada@new.test"), "these are not the database's files");
        for secret in secrets {
            assert!(!contains(&raw, &secret), "the file holds {:?}", String::from_utf8_lossy(&secret));
        }
    }
});

type Stored = (Vec<(Vec<u8>,)>, Vec<(String,)>);

async fn stored(app: &TestApp) -> Stored {
    let stored = app
        .run(async |cx| {
            let sessions = sql!("test.sessions", "SELECT secret_hash FROM auth_sessions").all(&cx).await?;
            let accounts = sql!("test.accounts", "SELECT password_hash FROM auth_accounts").all(&cx).await?;
            Ok::<_, DataError>((sessions, accounts))
        })
        .await;
    stored.expect("the tables can be read")
}

/// The bytes of an SQLite database with its log.
fn raw_files(url: &str) -> Vec<u8> {
    let path = url.strip_prefix("sqlite:").expect("the address names a file");
    let files = ["", "-wal"].map(|end| std::fs::read(format!("{path}{end}")).unwrap_or_default());
    files.concat()
}

both_databases!(app::app(); async fn two_accounts_with_one_password_have_different_hashes(app) {
    sign_up(app, "ada@new.test").await;
    sign_up(app, "bob@other.test").await;
    let (_, accounts) = stored(app).await;
    assert_ne!(accounts[0], accounts[1]);
});

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
