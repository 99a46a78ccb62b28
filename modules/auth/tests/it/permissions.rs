//! Permissions are those of now, not those of sign-in.

use serde_json::{Value, json};
use tenfold::data::{DataError, OrgId, Uuid};
use tenfold::testing::TestApp;
use tenfold::{both_databases, sql};

use crate::{app, sign_up, text};

both_databases!(app(); async fn a_permission_that_is_taken_away_is_gone_for_sessions_that_are_open(app) {
    let session = sign_up(app, "ada@new.test").await;
    let (token, user) = (text(&session["token"]), text(&session["user"]["id"]));
    let rename = async |name: &str| {
        let change = json!({"profile": {"display_name": name}});
        app.patch(&format!("/v1/users/{user}")).bearer(&token).json(&change).send().await.status()
    };
    assert_eq!(rename("Before").await, 200);
    revoke(app, &session, "members.write").await;
    assert_eq!(rename("After").await, 403);
    let users = app.get("/v1/users").bearer(&token).send().await.json();
    assert_eq!(users["items"][0]["profile"]["display_name"], "Before");
    revoke(app, &session, "members.read").await;
    assert_eq!(app.get("/v1/users").bearer(&token).send().await.status(), 403);
});

/// Takes a permission from the user of a session.
async fn revoke(app: &TestApp, session: &Value, permission: &str) {
    let id = |value: &Value| Uuid::parse_str(&text(value)).expect("ids are UUIDs");
    let (organization, user) = (OrgId(id(&session["organization"]["id"])), id(&session["user"]["id"]));
    let gone: Result<Vec<(String,)>, DataError> = app
        .run(async |cx| {
            cx.within(organization)
                .transaction(async |tx| {
                    let revoke = sql!(
                        "test.revoke",
                        "DELETE FROM auth_permissions
                         WHERE org_id = $1 AND user_id = $2 AND name = $3 RETURNING name"
                    );
                    revoke.bind(user).bind(permission.to_owned()).all(tx).await
                })
                .await
        })
        .await;
    assert_eq!(gone.expect("the permission can be taken away").len(), 1, "nobody had {permission}");
}
