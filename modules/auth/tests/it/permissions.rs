//! Permissions are those of now, not those of sign-in.

use serde_json::{Value, json};
use tenfold::data::{DataError, OrgId, Uuid};
use tenfold::testing::TestApp;
use tenfold::{both_databases, sql};

use crate::{app, sign_up, text};

both_databases!(app(), [("cache.size", "1 MiB")];
async fn a_permission_that_is_taken_away_is_gone_for_sessions_that_are_open(app) {
    let session = sign_up(app, "ada@new.test").await;
    let (token, user) = (text(&session["token"]), text(&session["user"]["id"]));
    let rename = async |name: &str| {
        let change = json!({"profile": {"display_name": name}});
        app.patch(&format!("/v1/users/{user}")).bearer(&token).json(&change).send().await.status()
    };
    assert_eq!(rename("Before").await, 200);
    become_role(app, &session, "member").await;
    assert_eq!(rename("After").await, 403);
    let users = app.get("/v1/users").bearer(&token).send().await.json();
    assert_eq!(users["items"][0]["profile"]["display_name"], "Before");
    become_role(app, &session, "custom").await;
    assert_eq!(app.get("/v1/users").bearer(&token).send().await.status(), 403);
});

both_databases!(app(); async fn a_role_that_is_lost_is_told_to_open_tabs(app) {
    let session = sign_up(app, "ada@new.test").await;
    let token = text(&session["token"]);
    let mut tab = app.get("/v1/live?watch=%2Fv1%2Fusers").bearer(&token).stream().await;
    assert!(tab.next().await.is_some_and(|first| first.contains("/v1/users")));
    become_role(app, &session, "custom").await;
    assert!(tab.next().await.is_some_and(|event| event.contains("/v1/users")));
    assert_eq!(app.get("/v1/users").bearer(&token).send().await.status(), 403);
});

both_databases!(app(); async fn what_is_given_by_name_comes_beside_the_role(app) {
    let session = sign_up(app, "ada@new.test").await;
    let organization = OrgId(id(&session["organization"]["id"]));
    let may = |token: String| async move {
        let current = app.get("/v1/auth/session").bearer(&token).send().await.json();
        current["permissions"].clone()
    };
    let of_owners = ["api_keys.write", "members.read", "members.write", "organization.write"];
    assert_eq!(may(text(&session["token"])).await, json!(of_owners));
    let joined = app
        .run(async |cx| tenfold_auth::demo::join(&cx, organization, "guest@new.test", &["members.read"]).await)
        .await;
    joined.expect("a guest can join");
    let credentials = json!({"email": "guest@new.test", "password": tenfold_auth::demo::PASSWORD});
    let guest = app.post("/v1/auth/sign-in").json(&credentials).send().await.json();
    assert_eq!(guest["user"]["role"], "custom");
    assert_eq!(may(text(&guest["token"])).await, json!(["members.read"]));
    let users = app.get("/v1/users").bearer(&text(&guest["token"])).send().await.json();
    let roles: Vec<&Value> = users["items"].as_array().expect("a list").iter().map(|user| &user["role"]).collect();
    assert_eq!(roles, ["owner", "custom"]);
});

both_databases!(app(); async fn a_stored_role_that_nobody_knows_is_custom(app) {
    let owner = sign_up(app, "ada@new.test").await;
    become_role(app, &owner, "emperor").await;
    let token = text(&owner["token"]);
    let session = app.get("/v1/auth/session").bearer(&token).send().await;
    assert_eq!(session.status(), 200, "{}", session.text());
    let session = session.json();
    assert_eq!((&session["user"]["role"], &session["permissions"]), (&json!("custom"), &json!([])));
    assert_eq!(app.get("/v1/users").bearer(&token).send().await.status(), 403);
    let organization = OrgId(id(&owner["organization"]["id"]));
    let joined = app.run(async |cx| tenfold_auth::demo::join(&cx, organization, "bob@new.test", &["members.read"]).await).await;
    joined.expect("bob can join");
    let bob = app.post("/v1/auth/sign-in").json(&json!({"email": "bob@new.test", "password": tenfold_auth::demo::PASSWORD}));
    let bob = text(&bob.send().await.json()["token"]);
    let users = app.get("/v1/users").bearer(&bob).send().await;
    assert_eq!((users.status(), &users.json()["items"][0]["role"]), (200, &json!("custom")), "{}", users.text());
});

fn id(value: &Value) -> Uuid {
    Uuid::parse_str(&text(value)).expect("ids are UUIDs")
}

/// Gives the user of a session another role.
async fn become_role(app: &TestApp, session: &Value, role: &str) {
    let (organization, user) = (OrgId(id(&session["organization"]["id"])), id(&session["user"]["id"]));
    let changed: Result<Vec<(Uuid,)>, DataError> = app
        .run(async |cx| {
            cx.within(organization)
                .transaction(async |tx| {
                    let change = sql!(
                        "test.become",
                        "UPDATE auth_users SET role = $3 WHERE org_id = $1 AND id = $2 RETURNING id"
                    )
                    .changes("auth_users");
                    change.bind(user).bind(role.to_owned()).all(tx).await
                })
                .await
        })
        .await;
    assert_eq!(changed.expect("a role can be changed").len(), 1, "there is no such user");
}
