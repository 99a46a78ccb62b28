//! How many organizations of a person a session lists.

use serde_json::json;
use tenfold::data::{DataError, Uuid};
use tenfold::testing::TestApp;
use tenfold::{both_databases, sql};

use crate::{PASSWORD, app, sign_up, text};

/// Makes somebody a member of so many organizations more, who has worked there since.
async fn join_many(app: &TestApp, account_email: &str, count: usize) {
    let joined = app.run(async |system| {
        system
            .transaction(async |tx| -> Result<(), DataError> {
                for _ in 0..count {
                    let (organization, now): (Uuid, _) = (tx.new_id(), tx.now());
                    sql!(
                        "auth.organize",
                        "INSERT INTO auth_organizations (id, name, created_at) VALUES ($1, 'Other', $2)"
                    )
                    .changes("auth_organizations")
                    .bind(organization)
                    .bind(now)
                    .repeated("a test")
                    .execute(&*tx)
                    .await?;
                    sql!(
                        "auth.join",
                        "INSERT INTO auth_memberships (id, account_id, org_id, user_id, last_used_at)
                         SELECT $1, id, $2, $1, $3 FROM auth_accounts WHERE email = $4"
                    )
                    .changes("auth_memberships")
                    .bind(tx.new_id())
                    .bind(organization)
                    .bind(now)
                    .bind(account_email.to_owned())
                    .repeated("a test")
                    .execute(&*tx)
                    .await?;
                }
                Ok(())
            })
            .await
    });
    joined.await.expect("rows can be stored");
}

both_databases!(app(); async fn session_lists_a_hundred_organizations_and_its_own(app) {
    let session = sign_up(app, "ada@new.test").await;
    let (own, token) = (session["organization"].clone(), text(&session["token"]));
    app.clock().advance(std::time::Duration::from_secs(60));
    join_many(app, "ada@new.test", 120).await;
    let current = app.get("/v1/auth/session").bearer(&token).send().await.json();
    assert_eq!(current["organization"], own);
    let listed = current["organizations"].as_array().expect("a list").clone();
    assert_eq!((listed.len(), listed.contains(&own)), (101, true));
    let switch = json!({"organization": own["id"]});
    assert_eq!(app.post("/v1/auth/switch").bearer(&token).json(&switch).send().await.status(), 200);
    let sign_in = json!({"email": "ada@new.test", "password": PASSWORD, "organization": own["id"]});
    let signed_in = app.post("/v1/auth/sign-in").json(&sign_in).send().await;
    assert_eq!((signed_in.status(), &signed_in.json()["organization"]), (200, &own));
});
