//! Signing in by a link in a mail.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tenfold::both_databases;
use tenfold::testing::TestApp;

use crate::{PASSWORD, app, is_live, mailed_token, mails_to, problem, sign_up, text, use_token};

const ADA: &str = "ada@new.test";

/// Asks for a link and follows it, perhaps in a browser that is signed in; gives the session.
async fn by_link(app: &TestApp, own: Option<&str>) -> Value {
    app.clock().advance(Duration::from_secs(61));
    app.post("/v1/auth/link").json(&json!({"email": ADA})).send().await;
    let token = mailed_token(app, ADA, "link").await;
    let mut accept = app.post("/v1/auth/link/accept");
    if let Some(own) = own {
        accept = accept.bearer(own);
    }
    let answer = accept.json(&json!({"token": token})).send().await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    answer.json()
}

both_databases!(app(); async fn a_link_signs_in_once(app) {
    let signed_up = sign_up(app, ADA).await;
    assert_eq!(app.post("/v1/auth/link").json(&json!({"email": ADA})).send().await.status(), 202);
    let token = mailed_token(app, ADA, "link").await;
    let answer = use_token(app, "/v1/auth/link/accept", &token).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert!(answer.header("set-cookie").starts_with("tenfold="));
    let session = answer.json();
    assert_eq!(session["user"], signed_up["user"]);
    assert!(is_live(app, &text(&session["token"])).await);
    problem(&use_token(app, "/v1/auth/link/accept", &token).await, 404);
});

both_databases!(app(); async fn a_page_of_another_site_signs_nobody_in(app) {
    sign_up(app, ADA).await;
    app.post("/v1/auth/link").json(&json!({"email": ADA})).send().await;
    let token = mailed_token(app, ADA, "link").await;
    let accept = app.post("/v1/auth/link/accept").header("sec-fetch-site", "cross-site");
    problem(&accept.json(&json!({"token": token})).send().await, 403);
    assert_eq!(use_token(app, "/v1/auth/link/accept", &token).await.status(), 200);
});

both_databases!(app(), [("auth.unconfirmed_sign_in", "false")];
async fn a_link_confirms_the_address_as_well(app) {
    assert_eq!(crate::try_sign_up(app, ADA).await.status(), 202);
    by_link(app, None).await;
    let token = mailed_token(app, ADA, "verify").await;
    problem(&use_token(app, "/v1/auth/verify", &token).await, 404);
});

both_databases!(app(); async fn who_reads_the_mail_first_takes_the_account_over(app) {
    // A stranger signs up with the address, and waits for its owner to come.
    let stranger = text(&sign_up(app, ADA).await["token"]);
    let own = text(&by_link(app, None).await["token"]);
    assert!(is_live(app, &own).await && !is_live(app, &stranger).await, "the stranger is still in");
    problem(&crate::try_sign_in(app, ADA, PASSWORD).await, 401);
    problem(&app.delete("/v1/auth/totp").bearer(&own).send().await, 403);
    let mails = mails_to(app, ADA).await;
    assert_eq!(mails.last().map(|mail| &*mail.subject), Some("Choose a password"));
    app.post("/v1/auth/forgot").json(&json!({"email": ADA})).send().await;
    let reset = json!({"token": mailed_token(app, ADA, "reset").await, "password": "another good password"});
    assert_eq!(app.post("/v1/auth/reset").json(&reset).send().await.status(), 204);
    assert_eq!(crate::try_sign_in(app, ADA, "another good password").await.status(), 200);
});

both_databases!(app(); async fn one_who_is_signed_in_keeps_the_password(app) {
    let own = text(&sign_up(app, ADA).await["token"]);
    by_link(app, Some(&own)).await;
    assert!(is_live(app, &own).await);
    assert_eq!(crate::try_sign_in(app, ADA, PASSWORD).await.status(), 200);
    // From now on the address is confirmed.
    by_link(app, None).await;
    assert!(is_live(app, &own).await);
});

both_databases!(app(); async fn of_two_who_use_a_link_at_once_one_is_in(app) {
    sign_up(app, ADA).await;
    app.post("/v1/auth/link").json(&json!({"email": ADA})).send().await;
    let token = mailed_token(app, ADA, "link").await;
    let answers = [(); 2].map(|()| async { use_token(app, "/v1/auth/link/accept", &token).await.status() });
    let mut answers = join_all(answers).await;
    answers.sort_unstable();
    assert_eq!(answers, [200, 404]);
});
