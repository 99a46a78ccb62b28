//! How sessions live: switching, signing out, ageing.

use std::time::Duration;

use serde_json::json;
use tenfold::both_databases;
use tenfold::testing::TestApp;

use crate::{PASSWORD, app, problem, sign_up, text};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

async fn status(app: &TestApp, token: &str) -> u16 {
    app.get("/v1/users").bearer(token).send().await.status()
}

async fn another_session(app: &TestApp, email: &str) -> String {
    let answer =
        app.post("/v1/auth/sign-in").json(&json!({"email": email, "password": PASSWORD})).send().await;
    text(&answer.json()["token"])
}

both_databases!(app(); async fn signing_out_ends_this_session_at_once_and_no_other(app) {
    let first = text(&sign_up(app, "ada@new.test").await["token"]);
    let second = another_session(app, "ada@new.test").await;
    let answer = app.post("/v1/auth/sign-out").bearer(&first).send().await;
    assert_eq!((answer.status(), answer.text()), (204, String::new()));
    assert_eq!((status(app, &first).await, status(app, &second).await), (401, 200));
    problem(&app.post("/v1/auth/sign-out").bearer(&first).send().await, 401);
    assert_eq!(status(app, &second).await, 200);
});

both_databases!(app(); async fn a_session_lasts_thirty_days_to_the_second(app) {
    let first = text(&sign_up(app, "ada@new.test").await["token"]);
    app.clock().advance(DAY);
    let second = another_session(app, "ada@new.test").await;
    app.clock().advance(29 * DAY - Duration::from_secs(1));
    assert_eq!(status(app, &first).await, 200);
    app.clock().advance(Duration::from_secs(1));
    assert_eq!((status(app, &first).await, status(app, &second).await), (401, 200));
    app.clock().advance(DAY);
    assert_eq!(status(app, &second).await, 401);
});

both_databases!(app(), [("auth.session_lifetime", "1h")];
async fn how_long_a_session_lasts_is_a_setting(app) {
    let token = text(&sign_up(app, "ada@new.test").await["token"]);
    app.clock().advance(Duration::from_secs(3599));
    assert_eq!(status(app, &token).await, 200);
    app.clock().advance(Duration::from_secs(1));
    assert_eq!(status(app, &token).await, 401);
});

both_databases!(app(); async fn one_switches_to_organizations_of_ones_own_only(app) {
    let other = sign_up(app, "bob@other.test").await["organization"]["id"].clone();
    let session = sign_up(app, "ada@new.test").await;
    let token = text(&session["token"]);
    let switch = async |to: &serde_json::Value| {
        app.post("/v1/auth/switch").bearer(&token).json(&json!({"organization": to})).send().await
    };
    let unknown = switch(&json!("01900000-0000-7000-8000-000000000000")).await;
    let foreign = switch(&other).await;
    assert_eq!(problem(&foreign, 404), problem(&unknown, 404), "the answer tells which organizations exist");
    assert_eq!(foreign.header("set-cookie"), "");
    let own = switch(&session["organization"]["id"]).await;
    assert_eq!(own.status(), 200);
    // The old session stays, since another tab may be using it; each ends by itself.
    let switched = text(&own.json()["token"]);
    assert_ne!(switched, token);
    assert_eq!(app.post("/v1/auth/sign-out").bearer(&switched).send().await.status(), 204);
    assert_eq!((status(app, &switched).await, status(app, &token).await), (401, 200));
});

both_databases!(app(); async fn a_session_says_whose_it_is_and_where_but_not_its_token(app) {
    app.seed_demo().await;
    let mut opened = crate::sign_in(app, "both@demo.test").await;
    let token = text(&opened["token"].take());
    opened.as_object_mut().expect("a session is an object").remove("token");
    assert_eq!(opened["organizations"].as_array().map(Vec::len), Some(2));
    let session = app.get("/v1/auth/session").bearer(&token).send().await;
    assert_eq!(session.status(), 200);
    let mut session = session.json();
    let permissions = session.as_object_mut().and_then(|session| session.remove("permissions"));
    assert!(permissions.is_some_and(|all| all.as_array().is_some_and(|all| all.contains(&json!("members.write")))));
    let limit = session.as_object_mut().and_then(|session| session.remove("limit"));
    assert_eq!(limit, Some(serde_json::Value::Null), "nothing limits it");
    assert_eq!(session, opened);
    let elsewhere = opened["organizations"].as_array().and_then(|all| all.iter().find(|one| **one != opened["organization"]));
    let elsewhere = elsewhere.expect("the person is in another organization");
    let switched = app.post("/v1/auth/switch").bearer(&token).json(&json!({"organization": elsewhere["id"]})).send().await;
    let session = app.get("/v1/auth/session").bearer(&text(&switched.json()["token"])).send().await.json();
    assert_eq!(&session["organization"], elsewhere);
    problem(&app.get("/v1/auth/session").send().await, 401);
});
