//! Whose session a token opens.

use serde_json::Value;
use tenfold::data::{DataError, OrgId, Uuid};
use tenfold::testing::TestApp;
use tenfold::{both_databases, sql};

use crate::{app, sign_up, text};

fn id(value: &Value) -> Uuid {
    text(value).parse().expect("an id is a UUID")
}

/// Copies the only session of one organization into another, for a user there: the same id, the same secret.
async fn copy_session(app: &TestApp, from: OrgId, to: OrgId, user: Uuid) {
    let copied = app.run(async |cx| {
        cx.transaction(async |tx| -> Result<(), DataError> {
            sql!(
                "test.copy_session",
                "INSERT INTO auth_sessions (org_id, id, user_id, account_id, secret_hash, created_at, expires_at)
                 SELECT $2, s.id, $3, s.account_id, s.secret_hash, s.created_at, s.expires_at
                 FROM auth_sessions s WHERE s.org_id = $1"
            )
            .changes("auth_sessions")
            .bind(from)
            .bind(to)
            .bind(user)
            .execute(&*tx)
            .await?;
            Ok(())
        })
        .await
    });
    copied.await.expect("a session can be copied");
}

both_databases!(app(); async fn token_never_opens_a_session_of_another_organization(app) {
    let (ada, bob) = (sign_up(app, "ada@new.test").await, sign_up(app, "bob@other.test").await);
    let [here, there] = [&ada, &bob].map(|session| OrgId(id(&session["organization"]["id"])));
    let token = text(&ada["token"]);
    copy_session(app, here, there, id(&bob["user"]["id"])).await;
    let current = app.get("/v1/auth/session").bearer(&token).send().await;
    assert_eq!((current.status(), &current.json()["user"]), (200, &ada["user"]));
    assert_eq!(app.post("/v1/auth/sign-out").bearer(&token).send().await.status(), 204);
    // The other organization's session is still there, with the same id and secret.
    assert_eq!(app.get("/v1/users").bearer(&token).send().await.status(), 401);
});
