//! Confirming an address.

use std::time::Duration;

use serde_json::json;
use tenfold::both_databases;
use tenfold::testing::TestApp;

use crate::{
    PASSWORD, app, confirmed, invite, is_confirmed, is_live, mailed_token, mails_to, new_owner, problem,
    sign_up, text, try_sign_in, try_sign_up, use_token,
};

const ADA: &str = "ada@new.test";

/// Asks for the mail once more.
async fn resend(app: &TestApp, token: &str) -> u16 {
    app.post("/v1/auth/verify/send").bearer(token).send().await.status()
}

both_databases!(app(); async fn sign_up_mails_a_link_that_confirms_once(app) {
    sign_up(app, ADA).await;
    let token = mailed_token(app, ADA, "verify").await;
    assert_eq!(use_token(app, "/v1/auth/verify", &token).await.status(), 204);
    let again = problem(&use_token(app, "/v1/auth/verify", &token).await, 404);
    let unknown = problem(&use_token(app, "/v1/auth/verify", "unknown").await, 404);
    assert_eq!(again, unknown, "the answer tells which tokens were right once");
});

both_databases!(app(); async fn a_link_lasts_an_hour(app) {
    let session = text(&sign_up(app, ADA).await["token"]);
    let token = mailed_token(app, ADA, "verify").await;
    app.clock().advance(Duration::from_secs(3600));
    problem(&use_token(app, "/v1/auth/verify", &token).await, 404);
    assert_eq!(resend(app, &session).await, 202);
    let token = mailed_token(app, ADA, "verify").await;
    app.clock().advance(Duration::from_secs(3599));
    assert_eq!(use_token(app, "/v1/auth/verify", &token).await.status(), 204);
});

both_databases!(app(); async fn a_link_is_good_for_one_purpose(app) {
    sign_up(app, ADA).await;
    let token = mailed_token(app, ADA, "verify").await;
    problem(&use_token(app, "/v1/auth/link/accept", &token).await, 404);
    let reset = json!({"token": token, "password": "another good password"});
    problem(&app.post("/v1/auth/reset").json(&reset).send().await, 404);
    assert_eq!(use_token(app, "/v1/auth/verify", &token).await.status(), 204, "it was not used up");
    assert_eq!(try_sign_in(app, ADA, PASSWORD).await.status(), 200);
});

both_databases!(app(); async fn a_confirmed_address_gets_no_further_mail(app) {
    let session = text(&sign_up(app, ADA).await["token"]);
    crate::confirm(app, &session, ADA).await;
    app.clock().advance(Duration::from_secs(61));
    assert_eq!(resend(app, &session).await, 202);
    assert_eq!(mails_to(app, ADA).await.len(), 1);
});

both_databases!(app(), [("auth.unconfirmed_sign_in", "false")];
async fn sign_in_can_wait_for_the_address(app) {
    let answer = try_sign_up(app, ADA).await;
    assert_eq!((answer.status(), answer.text(), answer.header("set-cookie")), (202, String::new(), ""));
    let refused = problem(&try_sign_in(app, ADA, PASSWORD).await, 403);
    assert_eq!(refused["type"], "urn:tenfold:problem:address-unconfirmed");
    problem(&try_sign_in(app, ADA, "a wrong password").await, 401);
    let token = mailed_token(app, ADA, "verify").await;
    assert_eq!(use_token(app, "/v1/auth/verify", &token).await.status(), 204);
    assert_eq!(try_sign_in(app, ADA, PASSWORD).await.status(), 200);
});

both_databases!(app(), [("auth.unconfirmed_sign_in", "false")];
async fn a_sign_in_that_waits_for_the_address_mails_the_link_again(app) {
    try_sign_up(app, ADA).await;
    app.run_due_jobs().await;
    app.clock().advance(Duration::from_secs(2 * 60 * 60));
    problem(&try_sign_in(app, ADA, "a wrong password").await, 401);
    assert_eq!(mails_to(app, ADA).await.len(), 1, "a stranger has mails sent");
    problem(&try_sign_in(app, ADA, PASSWORD).await, 403);
    assert_eq!(mails_to(app, ADA).await.len(), 2);
    let token = mailed_token(app, ADA, "verify").await;
    assert_eq!(use_token(app, "/v1/auth/verify", &token).await.status(), 204);
    assert_eq!(try_sign_in(app, ADA, PASSWORD).await.status(), 200);
});

both_databases!(app(); async fn nobody_invites_before_a_mail_was_followed(app) {
    let session = text(&sign_up(app, ADA).await["token"]);
    let refused = problem(&invite(app, &session, "eve@elsewhere.test", "member").await, 403);
    assert_eq!(refused["type"], "urn:tenfold:problem:address-unconfirmed");
    let token = mailed_token(app, ADA, "verify").await;
    assert_eq!(use_token(app, "/v1/auth/verify", &token).await.status(), 204);
    assert_eq!(invite(app, &session, "eve@elsewhere.test", "member").await.status(), 201);
});

both_databases!(app(); async fn a_click_confirms_in_a_session_or_with_the_password(app) {
    let session = text(&sign_up(app, ADA).await["token"]);
    let verify = async |token: &str, password: &str| {
        app.post("/v1/auth/verify").json(&json!({"token": token, "password": password})).send().await
    };
    let token = mailed_token(app, ADA, "verify").await;
    problem(&verify(&token, "a wrong password").await, 401);
    problem(&verify("unknown", PASSWORD).await, 404);
    assert_eq!(verify(&token, PASSWORD).await.status(), 204, "the wrong password used the link up");
    assert!(is_confirmed(app, &session).await);
    let other = text(&sign_up(app, "grace@new.test").await["token"]);
    let token = mailed_token(app, "grace@new.test", "verify").await;
    assert_eq!(use_token(app, "/v1/auth/verify", &token).await.status(), 204);
    assert!(!is_confirmed(app, &other).await, "whoever has clicked may be another person");
    app.clock().advance(Duration::from_secs(61));
    assert_eq!(resend(app, &other).await, 202);
    crate::confirm(app, &other, "grace@new.test").await;
    assert!(is_confirmed(app, &other).await);
});

both_databases!(app(), [("cache.size", "1 MiB")];
async fn a_click_alone_leaves_a_stranger_nothing(app) {
    let owner = new_owner(app).await;
    // A stranger signs up with the address; its owner takes the mail for an own one.
    let stranger = text(&sign_up(app, ADA).await["token"]);
    let token = mailed_token(app, ADA, "verify").await;
    assert_eq!(use_token(app, "/v1/auth/verify", &token).await.status(), 204);
    let key = json!({"name": "Back door", "permissions": ["members.read"]});
    let key = text(&app.post("/v1/api-keys").bearer(&stranger).json(&key).send().await.json()["key"]);
    assert_eq!(app.get("/v1/users").bearer(&key).send().await.status(), 200);
    assert_eq!(invite(app, &stranger, "eve@elsewhere.test", "admin").await.status(), 201);
    let eve = mailed_token(app, "eve@elsewhere.test", "invitation").await;
    crate::second_factor::set_up(app, &stranger).await;
    assert_eq!(invite(app, &owner, ADA, "admin").await.status(), 201);
    let token = mailed_token(app, ADA, "invitation").await;
    assert_eq!(use_token(app, "/v1/invitations/accept", &token).await.status(), 204);
    assert!(!is_live(app, &stranger).await, "the stranger is still in");
    problem(&try_sign_in(app, ADA, PASSWORD).await, 401);
    problem(&app.get("/v1/users").bearer(&key).send().await, 401);
    let accept = json!({"token": eve, "password": PASSWORD});
    problem(&app.post("/v1/invitations/accept").json(&accept).send().await, 404);
    app.post("/v1/auth/link").json(&json!({"email": ADA})).send().await;
    let link = mailed_token(app, ADA, "link").await;
    assert_eq!(use_token(app, "/v1/auth/link/accept", &link).await.status(), 200, "a second factor of the stranger is asked for");
});

both_databases!(app(), [("cache.size", "1 MiB")];
async fn a_reset_of_an_unconfirmed_account_ends_what_would_last(app) {
    let stranger = text(&sign_up(app, ADA).await["token"]);
    let key = json!({"name": "Back door", "permissions": ["members.read"]});
    let key = text(&app.post("/v1/api-keys").bearer(&stranger).json(&key).send().await.json()["key"]);
    crate::second_factor::set_up(app, &stranger).await;
    app.post("/v1/auth/forgot").json(&json!({"email": ADA})).send().await;
    let reset = json!({"token": mailed_token(app, ADA, "reset").await, "password": "another good password"});
    assert_eq!(app.post("/v1/auth/reset").json(&reset).send().await.status(), 204);
    problem(&app.get("/v1/users").bearer(&key).send().await, 401);
    assert_eq!(try_sign_in(app, ADA, "another good password").await.status(), 200);
});

both_databases!(app(); async fn mails_of_sign_ups_keep_no_reset_away(app) {
    confirmed(app, ADA).await;
    for number in 0..30 {
        try_sign_up(app, &format!("ada+{number}@new.test")).await;
    }
    app.run_due_jobs().await;
    app.post("/v1/auth/forgot").json(&json!({"email": ADA})).send().await;
    mailed_token(app, ADA, "reset").await;
});

both_databases!(app(); async fn mails_are_in_the_language_of_the_browser(app) {
    let new = json!({"email": ADA, "password": PASSWORD, "organization": "Neu"});
    let sent = app.post("/v1/auth/sign-up").header("accept-language", "de-CH,de;q=0.9,en;q=0.8").json(&new).send();
    assert_eq!(sent.await.status(), 201);
    let mails = mails_to(app, ADA).await;
    assert_eq!(mails[0].subject, "Bestätigen Sie Ihre Adresse");
    assert!(mails[0].html.contains("<html lang=\"de\">"), "{}", mails[0].html);
});
