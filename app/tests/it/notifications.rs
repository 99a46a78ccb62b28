//! What people are told of what other modules do.

use std::time::Duration;

use serde_json::json;
use tenfold::both_databases;
use tenfold::operators::OperatorRole;
use tenfold::testing::TestApp;

use crate::operators::{add, person_page, press, signed_in};
use crate::{PICTURE, organization, sign_up, text, token};

both_databases!(app::app(); async fn the_owner_of_a_file_that_failed_is_told_so(app) {
    app.seed_demo().await;
    let owner = token(app, "owner@acme.test").await;
    // What begins as a picture and is none can be processed as often as one likes.
    let upload = app.post("/v1/files?name=poison.png").bearer(&owner).body(&PICTURE[..40]).send().await;
    assert_eq!(upload.status(), 202, "{}", upload.text());
    app.run_due_jobs().await;
    let told = app.get("/v1/notifications").bearer(&owner).send().await.json();
    assert_eq!((&told["items"][0]["body"], &told["unread"]), (&json!("poison.png"), &json!(1)));
    assert_eq!(told["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(told["items"][0]["kind"], "file_failed");
    let link = told["items"][0]["link"].as_str().expect("a path");
    let file = app.get(link).bearer(&owner).send().await.json();
    assert_eq!((&file["name"], &file["status"]), (&json!("poison.png"), &json!("failed")));
    let other = token(app, "user0002@acme.test").await;
    let told = app.get("/v1/notifications").bearer(&other).send().await.json();
    assert_eq!(told["unread"], 0);
});

both_databases!(app::app(); async fn an_api_key_reads_nothing_of_what_its_maker_is_told(app) {
    let owner = crate::new_owner(app).await;
    let new = json!({"name": "Nightly export", "permissions": ["members.read"]});
    let key = app.post("/v1/api-keys").bearer(&owner).json(&new).send().await.json();
    let key = crate::text(&key["key"]);
    for (method, path) in [
        ("GET", "/v1/notifications"),
        ("GET", "/v1/notifications/events"),
        ("POST", "/v1/notifications/read-all"),
        ("GET", "/v1/notifications/preferences"),
        ("POST", "/v1/notifications/01900000-0000-7000-8000-000000000000/read"),
    ] {
        let refused = crate::problem(&app.request(method, path).bearer(&key).send().await, 403);
        assert_eq!(refused["type"], "urn:tenfold:problem:person-required", "{method} {path}");
    }
});

/// The owner of a new organization, who has confirmed the address while signed in.
async fn confirmed_owner(app: &TestApp) -> String {
    let token = text(&sign_up(app, "owner@new.test").await["token"]);
    app.run_due_jobs().await;
    confirm(app, &token).await;
    token
}

async fn confirm(app: &TestApp, token: &str) {
    let mails = app.run(async |cx| tenfold_mail::admin::list_mails(&cx, 1).await).await;
    let mails = mails.expect("the outbox can be read");
    let (_, link) = mails[0].text.split_once("#verify?token=").expect("the mail of the sign-up has a link");
    let link = json!({"token": link.split_whitespace().next()});
    assert_eq!(app.post("/v1/auth/verify").bearer(token).json(&link).send().await.status(), 204);
}

/// A file of somebody fails.
async fn a_file_fails(app: &TestApp, token: &str) {
    let upload = app.post("/v1/files?name=poison.png").bearer(token).body(&PICTURE[..40]).send().await;
    assert_eq!(upload.status(), 202, "{}", upload.text());
    app.run_due_jobs().await;
}

/// How many mails about files were sent by the time at which they are due.
async fn mailed(app: &TestApp) -> usize {
    app.clock().advance(Duration::from_secs(15 * 60 + 1));
    app.run_due_jobs().await;
    let mails = app.run(async |cx| tenfold_mail::admin::list_mails(&cx, 100).await).await;
    let mails = mails.expect("the outbox can be read");
    mails.iter().filter(|mail| mail.subject == "Your file could not be processed").count()
}

both_databases!(app::app(); async fn a_file_that_failed_is_mailed_to_a_confirmed_address(app) {
    let token = text(&sign_up(app, "owner@new.test").await["token"]);
    app.run_due_jobs().await;
    a_file_fails(app, &token).await;
    assert_eq!(mailed(app).await, 0, "it is mailed to an address that is not confirmed");
    confirm(app, &token).await;
    a_file_fails(app, &token).await;
    assert_eq!(mailed(app).await, 1);
    assert_eq!(mailed(app).await, 1);
});

both_databases!(app::app(); async fn nothing_is_mailed_to_the_suspended(app) {
    let token = confirmed_owner(app).await;
    let password = add(app, OperatorRole::Act).await;
    let cookie = signed_in(app, &password).await;
    let of_organization = format!("/console/organizations/{}", organization(&token));
    for path in [of_organization, person_page(app, &cookie, "owner@n").await] {
        // The person's sessions end.
        let credentials = json!({"email": "owner@new.test", "password": crate::PASSWORD});
        let again = text(&app.post("/v1/auth/sign-in").json(&credentials).send().await.json()["token"]);
        a_file_fails(app, &again).await;
        press(app, &cookie, &format!("{path}/suspend")).await;
        assert_eq!(mailed(app).await, 0, "{path}");
        press(app, &cookie, &format!("{path}/release")).await;
    }
});

both_databases!(app::app(); async fn nothing_is_mailed_in_a_closed_organization(app) {
    let token = confirmed_owner(app).await;
    a_file_fails(app, &token).await;
    assert_eq!(app.post("/v1/organization/close").bearer(&token).send().await.status(), 200);
    assert_eq!(mailed(app).await, 0);
});
