//! Confirming an address.

use std::time::Duration;

use serde_json::json;
use tenfold::both_databases;
use tenfold::testing::TestApp;

use crate::{
    PASSWORD, app, invite, is_live, mailed_token, mails_to, new_owner, problem, sign_up, text, try_sign_in,
    try_sign_up, use_token,
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

/// What lasts longer than a password, or sends mails to others.
async fn refuses_what_lasts(app: &TestApp, session: &str) {
    for (path, body) in [
        ("/v1/invitations", json!({"email": "eve@elsewhere.test", "role": "member"})),
        ("/v1/api-keys", json!({"name": "Back door", "permissions": ["members.read"]})),
        ("/v1/auth/totp", json!({})),
    ] {
        let answer = app.post(path).bearer(session).json(&body).send().await;
        assert_eq!(problem(&answer, 403)["type"], "urn:tenfold:problem:address-unconfirmed", "{path}");
    }
}

both_databases!(app(); async fn an_unconfirmed_person_makes_nothing_that_lasts(app) {
    let session = text(&sign_up(app, ADA).await["token"]);
    refuses_what_lasts(app, &session).await;
    crate::confirm(app, &session, ADA).await;
    assert_eq!(invite(app, &session, "eve@elsewhere.test", "member").await.status(), 201);
    assert_eq!(app.post("/v1/auth/totp").bearer(&session).send().await.status(), 200);
});

both_databases!(app(); async fn a_click_alone_leaves_a_stranger_nothing(app) {
    let owner = new_owner(app).await;
    // A stranger signs up with the address; its owner takes the mail for an own one.
    let stranger = text(&sign_up(app, ADA).await["token"]);
    let token = mailed_token(app, ADA, "verify").await;
    assert_eq!(use_token(app, "/v1/auth/verify", &token).await.status(), 204);
    refuses_what_lasts(app, &stranger).await;
    assert_eq!(invite(app, &owner, ADA, "admin").await.status(), 201);
    let token = mailed_token(app, ADA, "invitation").await;
    assert_eq!(use_token(app, "/v1/invitations/accept", &token).await.status(), 204);
    assert!(!is_live(app, &stranger).await, "the stranger is still in");
    problem(&try_sign_in(app, ADA, PASSWORD).await, 401);
});

both_databases!(app(); async fn mails_are_in_the_language_of_the_browser(app) {
    let new = json!({"email": ADA, "password": PASSWORD, "organization": "Neu"});
    let sent = app.post("/v1/auth/sign-up").header("accept-language", "de-CH,de;q=0.9,en;q=0.8").json(&new).send();
    assert_eq!(sent.await.status(), 201);
    let mails = mails_to(app, ADA).await;
    assert_eq!(mails[0].subject, "Bestätigen Sie Ihre Adresse");
    assert!(mails[0].html.contains("<html lang=\"de\">"), "{}", mails[0].html);
});
