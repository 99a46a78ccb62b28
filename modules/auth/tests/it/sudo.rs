//! What is dangerous asks for the password again.

use std::time::Duration;

use serde_json::json;
use tenfold::both_databases;
use tenfold::testing::{TestApp, TestResponse};

use crate::{PASSWORD, app, confirm, is_live, mailed_token, problem, sign_up, text, try_sign_in, use_token};

const ADA: &str = "ada@new.test";
const NEW: &str = "another good password";

async fn change_password(app: &TestApp, token: &str, password: &str) -> TestResponse {
    app.post("/v1/auth/password").bearer(token).json(&json!({"password": password})).send().await
}

async fn sudo(app: &TestApp, token: &str, password: &str) -> TestResponse {
    app.post("/v1/auth/sudo").bearer(token).json(&json!({"password": password})).send().await
}

both_databases!(app(); async fn a_password_counts_for_ten_minutes(app) {
    let token = text(&sign_up(app, ADA).await["token"]);
    app.clock().advance(Duration::from_secs(599));
    assert_eq!(change_password(app, &token, NEW).await.status(), 204);
    app.clock().advance(Duration::from_secs(1));
    let refused = problem(&change_password(app, &token, PASSWORD).await, 403);
    assert_eq!(refused["type"], "urn:tenfold:problem:password-required");
    let email = app.post("/v1/auth/email").bearer(&token).json(&json!({"email": "new@new.test"})).send().await;
    problem(&email, 403);
    problem(&sudo(app, &token, PASSWORD).await, 401);
    assert_eq!(sudo(app, &token, NEW).await.status(), 204);
    assert_eq!(change_password(app, &token, PASSWORD).await.status(), 204);
});

both_databases!(app(); async fn a_new_password_ends_the_other_sessions(app) {
    let own = text(&sign_up(app, ADA).await["token"]);
    let other = text(&try_sign_in(app, ADA, PASSWORD).await.json()["token"]);
    assert_eq!(change_password(app, &own, NEW).await.status(), 204);
    assert!(is_live(app, &own).await && !is_live(app, &other).await);
    problem(&try_sign_in(app, ADA, PASSWORD).await, 401);
    assert_eq!(try_sign_in(app, ADA, NEW).await.status(), 200);
});

both_databases!(app(); async fn wrong_passwords_are_counted_as_at_sign_in(app) {
    let token = text(&sign_up(app, ADA).await["token"]);
    let mut tried = 0;
    while sudo(app, &token, "a wrong guess").await.status() == 401 {
        tried += 1;
        assert!(tried < 20, "nobody counts");
    }
    assert_eq!(tried, 6);
    assert_eq!(sudo(app, &token, PASSWORD).await.status(), 429);
    assert_eq!(try_sign_in(app, ADA, PASSWORD).await.status(), 429);
});

both_databases!(app(); async fn a_session_by_mail_or_by_switching_has_to_ask(app) {
    let session = sign_up(app, ADA).await;
    confirm(app, &text(&session["token"]), ADA).await;
    app.post("/v1/auth/link").json(&json!({"email": ADA})).send().await;
    let token = mailed_token(app, ADA, "link").await;
    let by_mail = use_token(app, "/v1/auth/link/accept", &token).await.json();
    let switch = app.post("/v1/auth/switch").bearer(&text(&session["token"]));
    let switched = switch.json(&json!({"organization": session["organization"]["id"]})).send().await.json();
    for other in [by_mail, switched] {
        problem(&change_password(app, &text(&other["token"]), NEW).await, 403);
        assert_eq!(sudo(app, &text(&other["token"]), PASSWORD).await.status(), 204);
    }
    assert_eq!(change_password(app, &text(&session["token"]), NEW).await.status(), 204);
});
