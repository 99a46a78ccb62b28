//! A new organization, seen from all modules.

use serde_json::json;
use tenfold::both_databases;

use crate::{sign_up, text};

both_databases!(app::app(); async fn a_new_organization_is_empty_of_what_others_have(app) {
    let other = text(&sign_up(app, "bob@other.test").await["token"]);
    let project = app.post("/v1/projects").bearer(&other).json(&json!({"name": "Bob's"})).send().await;
    assert_eq!(project.status(), 201);

    let session = sign_up(app, "ada@new.test").await;
    assert_eq!(session["organization"]["name"], "Of ada@new.test");
    assert_eq!(session["organizations"], json!([session["organization"]]));
    let token = text(&session["token"]);
    let projects = app.get("/v1/projects").bearer(&token).send().await.json();
    assert_eq!(projects, json!({"items": [], "next_cursor": null}));
    let users = app.get("/v1/users").bearer(&token).send().await.json();
    assert_eq!(users["items"].as_array().map(Vec::len), Some(1));
    let user = &users["items"][0];
    assert_eq!((&user["id"], &user["email"]), (&session["user"]["id"], &json!("ada@new.test")));
    assert_eq!(user["profile"], json!({"display_name": "ada", "title": null}));
    assert_eq!((&user["role"], &user["permissions"]), (&json!("owner"), &json!([])));
    let current = app.get("/v1/auth/session").bearer(&token).send().await.json();
    let of_all_modules =
        ["api_keys.write", "files.read", "files.write", "members.read", "members.write", "organization.write", "projects.read", "projects.write"];
    assert_eq!(current["permissions"], json!(of_all_modules));
});
