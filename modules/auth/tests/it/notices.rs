//! Mails about what has happened to an account.

use serde_json::{Value, json};
use tenfold::both_databases;
use tenfold::testing::TestApp;

use crate::second_factor::set_up;
use crate::{PASSWORD, app, confirmed, mails_to, text, try_sign_in};

const ADA: &str = "ada@new.test";

async fn newest(app: &TestApp) -> String {
    mails_to(app, ADA).await.last().map(|mail| mail.subject.clone()).unwrap_or_default()
}

both_databases!(app(); async fn a_person_is_told_of_keys_codes_and_factors(app) {
    let session = text(&confirmed(app, ADA).await["token"]);
    let new = json!({"name": "Nightly export", "permissions": ["members.read"]});
    assert_eq!(app.post("/v1/api-keys").bearer(&session).json(&new).send().await.status(), 201);
    assert_eq!(newest(app).await, "You have a new API key");
    let (_, codes) = set_up(app, &session).await;
    let challenge: Value = try_sign_in(app, ADA, PASSWORD).await.problem(401);
    let answer = json!({"challenge": challenge["challenge"], "code": codes[0]});
    assert_eq!(app.post("/v1/auth/second-factor").json(&answer).send().await.status(), 200);
    assert_eq!(newest(app).await, "A recovery code was used to sign in");
    assert_eq!(app.delete("/v1/auth/totp").bearer(&session).send().await.status(), 204);
    assert_eq!(newest(app).await, "Your second factor was removed");
});
