//! An organization that requires a second factor of its people.

use std::time::Duration;

use serde_json::{Value, json};
use tenfold::both_databases;
use tenfold::testing::{TestApp, TestResponse};

use crate::second_factor::set_up;
use crate::{
    PASSWORD, app, confirmed, invite, invited, is_live, mailed_token, new_owner, problem, sudo, text,
    try_sign_in, use_token, use_token_in,
};

const GRACE: &str = "grace@new.test";
const REQUIRED: &str = "urn:tenfold:problem:second-factor-setup-required";

async fn require(app: &TestApp, session: &str, required: bool) -> TestResponse {
    let change = json!({"second_factor_required": required});
    app.patch("/v1/organization").bearer(session).json(&change).send().await
}

/// An owner with a second factor, whose organization requires one.
async fn strict_owner(app: &TestApp) -> String {
    let owner = new_owner(app).await;
    set_up(app, &owner).await;
    assert_eq!(require(app, &owner, true).await.status(), 200);
    owner
}

/// Whether a session is held up until its person has a second factor.
async fn is_held_up(app: &TestApp, session: &str) -> bool {
    let answer = app.get("/v1/users").bearer(session).send().await;
    match answer.status() {
        200 => false,
        _ => problem(&answer, 403)["type"] == REQUIRED,
    }
}

both_databases!(app(), [("cache.size", "1 MiB")];
async fn a_session_without_a_second_factor_is_held_up(app) {
    let owner = new_owner(app).await;
    let member = text(&invited(app, &owner, GRACE, "member").await["token"]);
    problem(&require(app, &owner, true).await, 409);
    set_up(app, &owner).await;
    problem(&require(app, &member, true).await, 403);
    assert_eq!(require(app, &owner, true).await.json()["second_factor_required"], json!(true));
    assert!(!is_held_up(app, &owner).await);
    assert!(is_held_up(app, &member).await);
    let signed_in = text(&try_sign_in(app, GRACE, PASSWORD).await.json()["token"]);
    assert!(is_held_up(app, &signed_in).await);
    set_up(app, &signed_in).await;
    assert!(!is_held_up(app, &signed_in).await);
    assert!(!is_live(app, &member).await, "a session that has seen no code goes on");
    assert_eq!(app.delete("/v1/auth/totp").bearer(&signed_in).send().await.status(), 204);
    assert!(is_held_up(app, &signed_in).await);
    assert_eq!(require(app, &owner, false).await.status(), 200);
    assert!(!is_held_up(app, &signed_in).await);
});

both_databases!(app(); async fn a_session_that_is_held_up_reaches_nothing_else(app) {
    let owner = new_owner(app).await;
    let member = invited(app, &owner, GRACE, "owner").await;
    let (token, user) = (text(&member["token"]), text(&member["user"]["id"]));
    set_up(app, &owner).await;
    assert_eq!(require(app, &owner, true).await.status(), 200);
    for (method, path, body) in [
        ("GET", "/v1/users", Value::Null),
        ("GET", "/v1/organization", Value::Null),
        ("GET", "/v1/auth/sessions", Value::Null),
        ("DELETE", "/v1/auth/sessions", Value::Null),
        ("PATCH", "/v1/auth/profile", json!({"profile": {"display_name": "Grace"}})),
        ("PATCH", "/v1/organization", json!({"second_factor_required": false})),
        ("POST", "/v1/organization/leave", Value::Null),
        ("POST", "/v1/organization/transfer", json!({"user": user})),
        ("POST", "/v1/invitations", json!({"email": "eve@new.test", "role": "owner"})),
        ("POST", "/v1/api-keys", json!({"name": "Way round", "permissions": ["members.read"]})),
    ] {
        let mut request = app.request(method, path).bearer(&token);
        if !body.is_null() {
            request = request.json(&body);
        }
        assert_eq!(problem(&request.send().await, 403)["type"], REQUIRED, "{method} {path}");
    }
    let cookie = |site: &str| app.post("/v1/auth/sign-out").header("cookie", &format!("tenfold={token}")).header("sec-fetch-site", site);
    assert_eq!(problem(&cookie("cross-site").send().await, 403)["type"], "urn:tenfold:problem:cross-site");
    let seen = app.get("/v1/auth/session").bearer(&token).send().await;
    assert_eq!((seen.status(), &seen.json()["limit"]), (200, &json!("second_factor")));
    let seen = app.get("/v1/auth/session").bearer(&owner).send().await;
    assert_eq!((seen.status(), &seen.json()["limit"]), (200, &Value::Null));
    assert_eq!(cookie("same-origin").send().await.status(), 204);
    problem(&app.get("/v1/auth/session").bearer(&token).send().await, 401);
});

both_databases!(app(); async fn every_way_into_the_organization_is_held_up(app) {
    let owner = strict_owner(app).await;
    let own = confirmed(app, GRACE).await;
    let session = text(&own["token"]);
    assert_eq!(invite(app, &owner, GRACE, "member").await.status(), 201);
    let token = mailed_token(app, GRACE, "invitation").await;
    let joined = use_token_in(app, &session, "/v1/invitations/accept", &token).await.json();
    assert!(is_held_up(app, &text(&joined["token"])).await, "an invitation");
    let switch = json!({"organization": joined["organization"]["id"]});
    let switched = app.post("/v1/auth/switch").bearer(&session).json(&switch).send().await.json();
    assert!(is_held_up(app, &text(&switched["token"])).await, "a switch");
    app.post("/v1/auth/link").json(&json!({"email": GRACE})).send().await;
    let token = mailed_token(app, GRACE, "link").await;
    let linked = use_token(app, "/v1/auth/link/accept", &token).await.json();
    assert_eq!(linked["organization"], joined["organization"]);
    assert!(is_held_up(app, &text(&linked["token"])).await, "a link");
    // The person's own organization requires nothing, and one can go back there.
    assert!(!is_held_up(app, &session).await);
    let back = json!({"organization": own["organization"]["id"]});
    let back = app.post("/v1/auth/switch").bearer(&text(&linked["token"])).json(&back).send().await.json();
    assert!(!is_held_up(app, &text(&back["token"])).await);
});

both_databases!(app(); async fn only_a_person_with_the_password_gives_the_requirement_up(app) {
    let owner = strict_owner(app).await;
    let new = json!({"name": "Settings", "permissions": ["organization.write"]});
    let key = app.post("/v1/api-keys").bearer(&owner).json(&new).send().await.json();
    let refused = require(app, &text(&key["key"]), false).await;
    assert_eq!(problem(&refused, 403)["type"], "urn:tenfold:problem:person-required");
    app.clock().advance(Duration::from_secs(600));
    for required in [false, true] {
        let refused = require(app, &owner, required).await;
        assert_eq!(problem(&refused, 403)["type"], "urn:tenfold:problem:password-required");
    }
    sudo(app, &owner).await;
    assert_eq!(require(app, &owner, false).await.status(), 200);
});
