//! `POST /v1/auth/sign-in`.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tenfold::both_databases;
use tenfold::testing::{TestApp, TestResponse};

use crate::{PASSWORD, app, problem, sign_up, text};

async fn attempt(app: &TestApp, email: &str, password: &str, organization: Option<&Value>) -> TestResponse {
    let mut attempt = json!({"email": email, "password": password});
    if let Some(organization) = organization {
        attempt["organization"] = organization.clone();
    }
    app.post("/v1/auth/sign-in").json(&attempt).send().await
}

both_databases!(app(); async fn the_right_password_opens_a_session(app) {
    let made = sign_up(app, "ada@new.test").await;
    let answer = attempt(app, "ada@new.test", PASSWORD, None).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.header("cache-control"), "no-store");
    let session = answer.json();
    for field in ["organization", "user", "organizations"] {
        assert_eq!(session[field], made[field]);
    }
    assert_ne!(session["token"], made["token"]);
    let users = app.get("/v1/users").bearer(&text(&session["token"])).send().await;
    assert_eq!(users.status(), 200);
});

both_databases!(app(); async fn an_address_may_be_typed_in_capitals(app) {
    sign_up(app, "Ada@New.Test").await;
    for email in ["ada@new.test", "ADA@NEW.TEST", "Ada@New.Test"] {
        assert_eq!(attempt(app, email, PASSWORD, None).await.status(), 200, "{email}");
    }
});

both_databases!(app(); async fn every_refusal_is_the_same(app) {
    let other = sign_up(app, "bob@other.test").await["organization"]["id"].clone();
    let own = sign_up(app, "ada@new.test").await["organization"]["id"].clone();
    let nowhere = json!("01900000-0000-7000-8000-000000000000");
    let expected = attempt(app, "ada@new.test", "wrong password", None).await;
    problem(&expected, 401);
    for (email, password, organization) in [
        ("nobody@new.test", PASSWORD, None),
        ("nobody@new.test", PASSWORD, Some(&own)),
        ("ada@new.test", "wrong password", Some(&own)),
        ("ada@new.test", PASSWORD, Some(&other)),
        ("ada@new.test", PASSWORD, Some(&nowhere)),
        ("ada@new.test", "", None),
        ("", "", None),
        (" ada@new.test", PASSWORD, None),
        ("%@new.test", PASSWORD, None),
    ] {
        let answer = attempt(app, email, password, organization).await;
        assert_eq!(answer.status(), 401, "{email:?} {password:?} {organization:?}");
        assert_eq!(answer.text(), expected.text(), "{email:?} {password:?} {organization:?}");
        assert_eq!(answer.header("set-cookie"), "");
    }
});

both_databases!(app(), [("auth.hash_queue", "1"), ("auth.hash_parallelism", "1"), ("auth.account_failures", "100")];
async fn an_unknown_address_costs_statements_and_a_hash_as_a_known_one_does(app) {
    sign_up(app, "ada@new.test").await;
    for email in ["ada@new.test", "nobody@new.test"] {
        let answer = attempt(app, email, "wrong password", None).await;
        assert_eq!((answer.status(), answer.statements()), (401, 3), "{email}");
        // With one place in the pool, whoever comes while a hash is made is sent away: so a hash was made.
        let answers = join_all((0..8).map(|_| attempt(app, email, "wrong password", None))).await;
        let refused: Vec<_> = answers.iter().filter(|answer| answer.status() == 503).collect();
        assert!(!refused.is_empty(), "eight attempts for {email} at once made no hash");
        assert_eq!(problem(refused[0], 503)["detail"], "too many sign-ins at once (auth.hash_queue)");
        assert_eq!(refused[0].header("retry-after"), "1");
    }
});

both_databases!(app(); async fn without_an_organization_it_is_the_one_used_last(app) {
    app.seed_demo().await;
    let demo = "tenfold-demo";
    let first = attempt(app, "both@demo.test", demo, None).await.json();
    let all = first["organizations"].as_array().expect("a session lists organizations").clone();
    assert_eq!(all.len(), 2);
    for organization in [&all[0], &all[1], &all[0]] {
        app.clock().advance(Duration::from_secs(60));
        let chosen = attempt(app, "both@demo.test", demo, Some(&organization["id"])).await.json();
        assert_eq!(chosen["organization"], *organization);
        app.clock().advance(Duration::from_secs(60));
        let default = attempt(app, "both@demo.test", demo, None).await.json();
        assert_eq!(default["organization"], *organization);
    }
    // Switching is using, too.
    app.clock().advance(Duration::from_secs(60));
    let token = text(&first["token"]);
    let switch = json!({"organization": all[1]["id"]});
    assert_eq!(app.post("/v1/auth/switch").bearer(&token).json(&switch).send().await.status(), 200);
    app.clock().advance(Duration::from_secs(60));
    assert_eq!(attempt(app, "both@demo.test", demo, None).await.json()["organization"], all[1]);
});
