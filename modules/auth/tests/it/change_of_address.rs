//! Another address to sign in with: the old and the new one are asked.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tenfold::both_databases;
use tenfold::testing::{TestApp, TestResponse};

use crate::{
    PASSWORD, app, is_confirmed, mailed_token, mails_to, problem, sign_in, sign_up, text, try_sign_in,
    use_token, use_token_in,
};

const OLD: &str = "ada@new.test";
const NEW: &str = "ada@elsewhere.test";

async fn follow(app: &TestApp, session: &Value, token: &str) -> TestResponse {
    use_token_in(app, &text(&session["token"]), "/v1/auth/verify", token).await
}

async fn change(app: &TestApp, session: &Value, to: &str) -> u16 {
    let token = text(&session["token"]);
    app.post("/v1/auth/email").bearer(&token).json(&json!({"email": to})).send().await.status()
}

both_databases!(app(); async fn the_address_changes_when_both_have_agreed(app) {
    for [first, second] in [["old", "new"], ["new", "old"]] {
        let (old, new) = (format!("{first}.{OLD}"), format!("{first}.{NEW}"));
        let session = sign_up(app, &old).await;
        assert_eq!(change(app, &session, &new).await, 202);
        let at = |which: &str| if which == "old" { old.clone() } else { new.clone() };
        let tokens = [mailed_token(app, &at(first), "verify").await, mailed_token(app, &at(second), "verify").await];
        assert_eq!(follow(app, &session, &tokens[0]).await.status(), 204);
        assert_eq!(try_sign_in(app, &old, PASSWORD).await.status(), 200, "one of two is not enough");
        problem(&try_sign_in(app, &new, PASSWORD).await, 401);
        assert_eq!(follow(app, &session, &tokens[1]).await.status(), 204);
        problem(&try_sign_in(app, &old, PASSWORD).await, 401);
        assert_eq!(try_sign_in(app, &new, PASSWORD).await.status(), 200);
        let users = app.get("/v1/users").bearer(&text(&session["token"])).send().await.json();
        assert_eq!(users["items"][0]["email"], json!(new));
    }
});

both_databases!(app(); async fn a_person_has_the_new_address_in_all_organizations(app) {
    app.seed_demo().await;
    let session = sign_in(app, "both@demo.test").await;
    assert_eq!(change(app, &session, NEW).await, 202);
    for address in ["both@demo.test", NEW] {
        let token = mailed_token(app, address, "verify").await;
        assert_eq!(follow(app, &session, &token).await.status(), 204);
    }
    for organization in session["organizations"].as_array().expect("a session lists organizations") {
        let switch = app.post("/v1/auth/switch").bearer(&text(&session["token"]));
        let switched = switch.json(&json!({"organization": organization["id"]})).send().await.json();
        assert_eq!(switched["user"]["email"], json!(NEW));
    }
});

both_databases!(app(); async fn links_of_a_change_that_was_replaced_do_nothing(app) {
    let session = sign_up(app, OLD).await;
    assert_eq!(change(app, &session, NEW).await, 202);
    let agreed = mailed_token(app, OLD, "verify").await;
    assert_eq!(change(app, &session, "eve@elsewhere.test").await, 202);
    problem(&follow(app, &session, &agreed).await, 404);
    let new = mailed_token(app, "eve@elsewhere.test", "verify").await;
    assert_eq!(follow(app, &session, &new).await.status(), 204);
    assert_eq!(try_sign_in(app, OLD, PASSWORD).await.status(), 200, "the old address has not agreed to this one");
});

both_databases!(app(); async fn a_taken_address_is_refused_at_the_end_alone(app) {
    let session = sign_up(app, OLD).await;
    sign_up(app, NEW).await;
    app.run_due_jobs().await;
    let before = mails_to(app, NEW).await.len();
    assert_eq!(change(app, &session, NEW).await, 202, "the answer would tell who has an account");
    assert_eq!(mails_to(app, NEW).await.len(), before + 1);
    let old = mailed_token(app, OLD, "verify").await;
    assert_eq!(follow(app, &session, &old).await.status(), 204);
    let new = mailed_token(app, NEW, "verify").await;
    problem(&follow(app, &session, &new).await, 409);
    assert_eq!(try_sign_in(app, OLD, PASSWORD).await.status(), 200);
});

both_databases!(app(); async fn both_addresses_may_agree_at_once(app) {
    let session = sign_up(app, OLD).await;
    assert_eq!(change(app, &session, NEW).await, 202);
    let tokens = [mailed_token(app, OLD, "verify").await, mailed_token(app, NEW, "verify").await];
    let answers = tokens.each_ref().map(|token| async { follow(app, &session, token).await.status() });
    assert_eq!(join_all(answers).await, [204, 204]);
    assert_eq!(try_sign_in(app, NEW, PASSWORD).await.status(), 200);
});

both_databases!(app(); async fn a_new_address_is_confirmed_with_the_password_alone(app) {
    for (first, minutes, with_password, is_known) in
        [("a", 1, false, true), ("b", 11, false, false), ("c", 11, true, true)]
    {
        let (old, new) = (format!("{first}.{OLD}"), format!("{first}.{NEW}"));
        let session = sign_up(app, &old).await;
        crate::confirm(app, &text(&session["token"]), &old).await;
        assert_eq!(change(app, &session, &new).await, 202);
        let tokens = [mailed_token(app, &new, "verify").await, mailed_token(app, &old, "verify").await];
        app.clock().advance(Duration::from_secs(60 * minutes));
        let mut body = json!({"token": tokens[0]});
        if with_password {
            body["password"] = json!(PASSWORD);
        }
        let agreed = app.post("/v1/auth/verify").bearer(&text(&session["token"])).json(&body).send().await;
        assert_eq!(agreed.status(), 204, "{}", agreed.text());
        assert_eq!(use_token(app, "/v1/auth/verify", &tokens[1]).await.status(), 204);
        assert_eq!(try_sign_in(app, &new, PASSWORD).await.status(), 200);
        assert_eq!(is_confirmed(app, &text(&session["token"])).await, is_known, "{first}");
    }
});

both_databases!(app(); async fn an_address_that_a_stranger_agrees_to_can_be_taken_back(app) {
    let session = sign_up(app, OLD).await;
    assert_eq!(change(app, &session, NEW).await, 202);
    let tokens = [mailed_token(app, OLD, "verify").await, mailed_token(app, NEW, "verify").await];
    for token in tokens {
        assert_eq!(use_token(app, "/v1/auth/verify", &token).await.status(), 204);
    }
    assert_eq!(try_sign_in(app, NEW, PASSWORD).await.status(), 200);
    let mails = mails_to(app, OLD).await;
    assert_eq!(mails.last().map(|mail| &*mail.subject), Some("Your address was changed"));
    // Its owner signs in by mail: what was there is not the owner's.
    app.post("/v1/auth/link").json(&json!({"email": NEW})).send().await;
    let link = mailed_token(app, NEW, "link").await;
    assert_eq!(use_token(app, "/v1/auth/link/accept", &link).await.status(), 200);
    problem(&try_sign_in(app, NEW, PASSWORD).await, 401);
    assert!(!crate::is_live(app, &text(&session["token"])).await);
});

both_databases!(app(); async fn a_session_that_a_strangers_link_opened_confirms_nothing(app) {
    let eve = crate::confirmed(app, OLD).await;
    let key = json!({"name": "Back door", "permissions": ["members.read"]});
    let key = text(&app.post("/v1/api-keys").bearer(&text(&eve["token"])).json(&key).send().await.json()["key"]);
    assert_eq!(change(app, &eve, NEW).await, 202);
    let tokens = [mailed_token(app, NEW, "verify").await, mailed_token(app, OLD, "verify").await];
    // She passes a link of her own on to the owner of the new address, who follows all that comes.
    app.post("/v1/auth/link").json(&json!({"email": OLD})).send().await;
    let link = mailed_token(app, OLD, "link").await;
    let victim = use_token(app, "/v1/auth/link/accept", &link).await.json();
    for token in &tokens {
        assert_eq!(follow(app, &victim, token).await.status(), 204);
    }
    assert!(!is_confirmed(app, &text(&eve["token"])).await);
    app.clock().advance(Duration::from_secs(61));
    app.post("/v1/auth/verify/send").bearer(&text(&eve["token"])).send().await;
    let again = mailed_token(app, NEW, "verify").await;
    assert_eq!(follow(app, &victim, &again).await.status(), 204);
    assert!(!is_confirmed(app, &text(&eve["token"])).await, "a session without the password confirms");
    app.post("/v1/auth/link").json(&json!({"email": NEW})).send().await;
    let link = mailed_token(app, NEW, "link").await;
    assert_eq!(use_token_in(app, &text(&victim["token"]), "/v1/auth/link/accept", &link).await.status(), 200);
    problem(&app.get("/v1/users").bearer(&key).send().await, 401);
    assert!(!crate::is_live(app, &text(&eve["token"])).await);
});
