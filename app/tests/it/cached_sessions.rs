//! Sessions and lists in the cache.

use serde_json::json;
use tenfold::both_databases;

use crate::{join, new_owner, text};

both_databases!(app::app(), [("cache.size", "1 MiB")];
async fn a_warm_list_costs_no_statement_until_the_session_ends(app) {
    let token = new_owner(app).await;
    let list = async || app.get("/v1/users").bearer(&token).send().await;
    // The profile is in memory: the mail of the sign-up has asked for it.
    assert_eq!([list().await.statements(), list().await.statements()], [4, 0]);
    assert_eq!(app.post("/v1/auth/sign-out").bearer(&token).send().await.status(), 204);
    assert_eq!(list().await.status(), 401);
});

both_databases!(app::app(), [("cache.size", "1 MiB")];
async fn a_list_of_users_in_memory_shows_each_change(app) {
    let owner = new_owner(app).await;
    let list = async || app.get("/v1/users").bearer(&owner).send().await;
    let emails = async || {
        let users = list().await.json();
        users["items"].as_array().expect("a list").iter().map(|user| text(&user["email"])).collect::<Vec<_>>()
    };
    assert_eq!([emails().await, emails().await], [["owner@new.test"]; 2]);
    assert_eq!(list().await.statements(), 0);
    let other = join(app, &owner, "zoe@new.test", &["members.read"]).await;
    assert_eq!(emails().await, ["owner@new.test", "zoe@new.test"]);
    let session = app.get("/v1/auth/session").bearer(&other).send().await.json();
    let user = format!("/v1/users/{}", text(&session["user"]["id"]));
    let patch = json!({"profile": {"display_name": "Grace"}});
    assert_eq!(app.request("PATCH", &user).bearer(&owner).json(&patch).send().await.status(), 200);
    assert_eq!(list().await.json()["items"][1]["profile"]["display_name"], "Grace");
    let role = json!({"role": "admin"});
    let changed = app.request("PATCH", &format!("{user}/role")).bearer(&owner).json(&role).send().await;
    assert_eq!(changed.status(), 200, "{}", changed.text());
    assert_eq!(list().await.json()["items"][1]["role"], "admin");
    assert_eq!(app.request("DELETE", &user).bearer(&owner).send().await.status(), 204);
    assert_eq!(emails().await, ["owner@new.test"]);
    emails().await;
    assert_eq!(list().await.statements(), 0);
});
