//! What people are told of what other modules do.

use serde_json::json;
use tenfold::both_databases;

use crate::{PICTURE, token};

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
        ("POST", "/v1/notifications/01900000-0000-7000-8000-000000000000/read"),
    ] {
        let refused = crate::problem(&app.request(method, path).bearer(&key).send().await, 403);
        assert_eq!(refused["type"], "urn:tenfold:problem:person-required", "{method} {path}");
    }
});
