//! What must not be written anywhere: passwords, tokens, the secrets in them.

use serde_json::json;
use tenfold::both_databases;
use tenfold::testing::Log;

use crate::{PASSWORD, app, sign_up, text};

both_databases!(app(); async fn neither_logs_nor_problems_nor_metrics_say_a_password_or_a_token(app) {
    let log = Log::start("trace");
    let mut said = Vec::new();
    let token = text(&sign_up(app, "ada@new.test").await["token"]);
    for (path, body) in [
        ("/v1/auth/sign-in", json!({"email": "ada@new.test", "password": PASSWORD, "organization": 7})),
        ("/v1/auth/sign-in", json!({"email": "ada@new.test", "password": format!("{PASSWORD}\n")})),
        ("/v1/auth/sign-in", json!({"email": "bob@new.test", "password": PASSWORD})),
        ("/v1/auth/sign-up", json!({"email": "ada@new.test", "password": PASSWORD, "organization": "Again"})),
        ("/v1/auth/sign-up", json!({"email": "ada", "password": PASSWORD, "organization": "Again"})),
        ("/v1/auth/switch", json!({"organization": PASSWORD, "token": token})),
    ] {
        let answer = app.post(path).bearer(&token).json(&body).send().await;
        assert!(answer.status() >= 400, "{}", answer.text());
        said.push(answer.text());
    }
    let cookie = format!("tenfold={token}");
    assert_eq!(app.get("/v1/users").header("cookie", &cookie).send().await.status(), 200);
    assert_eq!(app.post("/v1/auth/sign-out").bearer(&token).send().await.status(), 204);
    said.push(app.get("/metrics").send().await.text());

    let log: String = log.end().iter().map(ToString::to_string).collect();
    for known in ["auth_accounts.insert", "/v1/auth/sign-in"] {
        assert!(log.contains(known), "this is not the log: {log}");
    }
    said.push(log);
    for text in said {
        assert!(!text.contains(PASSWORD), "the password is in {text}");
        assert!(!text.contains(&token[3..]), "the token is in {text}");
    }
});
