//! Signing in by a link in a mail.

use serde_json::json;
use tenfold::both_databases;

use crate::{app, is_live, mailed_token, problem, sign_up, text, use_token};

const ADA: &str = "ada@new.test";

both_databases!(app(); async fn a_link_signs_in_once(app) {
    let signed_up = sign_up(app, ADA).await;
    assert_eq!(app.post("/v1/auth/link").json(&json!({"email": ADA})).send().await.status(), 202);
    let token = mailed_token(app, ADA, "link").await;
    let answer = use_token(app, "/v1/auth/link/accept", &token).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert!(answer.header("set-cookie").starts_with("tenfold="));
    let session = answer.json();
    assert_eq!(session["user"], signed_up["user"]);
    assert!(is_live(app, &text(&session["token"])).await);
    problem(&use_token(app, "/v1/auth/link/accept", &token).await, 404);
});

both_databases!(app(); async fn a_page_of_another_site_signs_nobody_in(app) {
    sign_up(app, ADA).await;
    app.post("/v1/auth/link").json(&json!({"email": ADA})).send().await;
    let token = mailed_token(app, ADA, "link").await;
    let accept = app.post("/v1/auth/link/accept").header("sec-fetch-site", "cross-site");
    problem(&accept.json(&json!({"token": token})).send().await, 403);
    assert_eq!(use_token(app, "/v1/auth/link/accept", &token).await.status(), 200);
});

both_databases!(app(), [("auth.unconfirmed_sign_in", "false")];
async fn a_link_confirms_the_address_as_well(app) {
    assert_eq!(crate::try_sign_up(app, ADA).await.status(), 202);
    app.post("/v1/auth/link").json(&json!({"email": ADA})).send().await;
    let token = mailed_token(app, ADA, "link").await;
    assert_eq!(use_token(app, "/v1/auth/link/accept", &token).await.status(), 200);
    assert_eq!(crate::try_sign_in(app, ADA, crate::PASSWORD).await.status(), 200);
});
