//! API keys: what a program may do with one.

use std::time::Duration;

use serde_json::{Value, json};
use tenfold::both_databases;
use tenfold::testing::{Log, TestApp};

use crate::{PASSWORD, app, invited, join, new_owner, problem, sign_up, text};

/// Makes a key with these permissions.
async fn key(app: &TestApp, session: &str, permissions: &[&str]) -> Value {
    let new = json!({"name": "Nightly export", "permissions": permissions});
    let answer = app.post("/v1/api-keys").bearer(session).json(&new).send().await;
    assert_eq!(answer.status(), 201, "{}", answer.text());
    answer.json()
}

async fn users(app: &TestApp, key: &str) -> u16 {
    app.get("/v1/users").bearer(key).send().await.status()
}

both_databases!(app(); async fn a_key_works_until_it_is_revoked(app) {
    let owner = new_owner(app).await;
    let made = key(app, &owner, &["members.read"]).await;
    let secret = text(&made["key"]);
    assert!(secret.starts_with(&text(&made["prefix"])), "{secret} does not begin with {}", made["prefix"]);
    assert_eq!(users(app, &secret).await, 200);
    let listed = app.get("/v1/api-keys").bearer(&owner).send().await;
    assert!(!listed.text().contains(&secret), "the secret is listed");
    let listed = listed.json()["items"].clone();
    assert_eq!((&listed[0]["id"], &listed[0]["name"]), (&made["id"], &json!("Nightly export")));
    let path = format!("/v1/api-keys/{}", text(&made["id"]));
    assert_eq!(app.delete(&path).bearer(&owner).send().await.status(), 204);
    assert_eq!(users(app, &secret).await, 401);
});

both_databases!(app(); async fn an_admin_revokes_no_key_of_an_owner(app) {
    let owner = new_owner(app).await;
    let admin = text(&invited(app, &owner, "admin@new.test", "admin").await["token"]);
    let of_owner = key(app, &owner, &["api_keys.write", "members.read"]).await;
    let of_admin = [key(app, &admin, &["members.read"]).await, key(app, &admin, &["members.read"]).await];
    let revoke = async |session: &str, key: &Value| {
        app.delete(&format!("/v1/api-keys/{}", text(&key["id"]))).bearer(session).send().await
    };
    let refused = problem(&revoke(&admin, &of_owner).await, 403);
    assert_eq!(refused["type"], "urn:tenfold:problem:role-out-of-reach");
    let secret = text(&of_owner["key"]);
    assert_eq!(users(app, &secret).await, 200, "it was revoked all the same");
    assert_eq!(revoke(&admin, &of_admin[0]).await.status(), 204, "it is one's own");
    // A key reaches as far as its maker.
    assert_eq!(revoke(&secret, &of_admin[1]).await.status(), 204);
    problem(&revoke(&admin, &of_admin[1]).await, 404);
});

both_databases!(app(); async fn a_key_may_do_what_it_was_given_and_no_more(app) {
    let owner = new_owner(app).await;
    let secret = text(&key(app, &owner, &["members.read"]).await["key"]);
    problem(&app.get("/v1/api-keys").bearer(&secret).send().await, 403);
    problem(&app.get("/v1/invitations").bearer(&secret).send().await, 403);
    // What only a person may do is not for keys, whatever they were given.
    let strong = text(&key(app, &owner, &["members.read", "members.write", "api_keys.write"]).await["key"]);
    for (method, path, body) in [
        ("GET", "/v1/auth/session", Value::Null),
        ("GET", "/v1/auth/sessions", Value::Null),
        ("DELETE", "/v1/auth/sessions", Value::Null),
        ("POST", "/v1/auth/sign-out", Value::Null),
        ("POST", "/v1/auth/switch", json!({"organization": "01900000-0000-7000-8000-000000000000"})),
        ("POST", "/v1/auth/sudo", json!({"password": PASSWORD})),
        ("POST", "/v1/auth/password", json!({"password": PASSWORD})),
        ("POST", "/v1/auth/email", json!({"email": "eve@new.test"})),
        ("POST", "/v1/auth/verify/send", Value::Null),
        ("PATCH", "/v1/auth/profile", json!({"profile": {}})),
        ("POST", "/v1/organization/leave", Value::Null),
        ("POST", "/v1/api-keys", json!({"name": "Another", "permissions": ["members.read"]})),
        ("POST", "/v1/invitations", json!({"email": "eve@new.test", "role": "admin"})),
    ] {
        let mut request = app.request(method, path).bearer(&strong);
        if !body.is_null() {
            request = request.json(&body);
        }
        let refused = problem(&request.send().await, 403);
        assert_eq!(refused["type"], "urn:tenfold:problem:person-required", "{method} {path}");
    }
});

both_databases!(app(); async fn nobody_gives_a_key_more_than_the_own_permissions(app) {
    let owner = new_owner(app).await;
    let guest = join(app, &owner, "guest@new.test", &["api_keys.write"]).await;
    let new = json!({"name": "More", "permissions": ["members.read"]});
    problem(&app.post("/v1/api-keys").bearer(&guest).json(&new).send().await, 422);
    let new = json!({"name": "Unknown", "permissions": ["nothing.known"]});
    problem(&app.post("/v1/api-keys").bearer(&owner).json(&new).send().await, 422);
    let member = text(&invited(app, &owner, "member@new.test", "member").await["token"]);
    problem(&app.get("/v1/api-keys").bearer(&member).send().await, 403);
});

both_databases!(app(); async fn a_key_ends_when_it_was_said(app) {
    let owner = new_owner(app).await;
    let new = json!({"name": "Short", "permissions": ["members.read"], "expires_at": "2026-01-01T01:00:00Z"});
    let made = app.post("/v1/api-keys").bearer(&owner).json(&new).send().await.json();
    let secret = text(&made["key"]);
    app.clock().advance(Duration::from_secs(3599));
    assert_eq!(users(app, &secret).await, 200);
    app.clock().advance(Duration::from_secs(1));
    assert_eq!(users(app, &secret).await, 401);
    let again = app.post("/v1/auth/sudo").bearer(&owner).json(&json!({"password": PASSWORD})).send().await;
    assert_eq!(again.status(), 204);
    problem(&app.post("/v1/api-keys").bearer(&owner).json(&new).send().await, 422);
});

both_databases!(app(); async fn a_new_key_asks_for_the_password(app) {
    let owner = new_owner(app).await;
    app.clock().advance(Duration::from_secs(600));
    let new = json!({"name": "Late", "permissions": ["members.read"]});
    let refused = app.post("/v1/api-keys").bearer(&owner).json(&new).send().await;
    assert_eq!(problem(&refused, 403)["type"], "urn:tenfold:problem:password-required");
});

both_databases!(app(); async fn a_key_tells_when_it_was_last_used(app) {
    let owner = new_owner(app).await;
    let secret = text(&key(app, &owner, &["members.read"]).await["key"]);
    let last_used = async || {
        app.get("/v1/api-keys").bearer(&owner).send().await.json()["items"][0]["last_used_at"].clone()
    };
    assert_eq!(last_used().await, Value::Null);
    app.clock().advance(Duration::from_secs(60));
    assert_eq!(users(app, &secret).await, 200);
    assert_eq!(last_used().await, json!("2026-01-01T00:01:00Z"));
});

both_databases!(app(); async fn keys_of_another_organization_are_not_there(app) {
    let owner = new_owner(app).await;
    let made = key(app, &owner, &["members.read"]).await;
    let stranger = text(&sign_up(app, "eve@elsewhere.test").await["token"]);
    let listed = app.get("/v1/api-keys").bearer(&stranger).send().await.json();
    assert_eq!(listed["items"], json!([]));
    let path = format!("/v1/api-keys/{}", text(&made["id"]));
    problem(&app.delete(&path).bearer(&stranger).send().await, 404);
    assert_eq!(users(app, &text(&made["key"])).await, 200);
});

both_databases!(app(); async fn no_log_says_a_key_and_a_changed_one_costs_no_statement(app) {
    let log = Log::start("trace");
    let owner = new_owner(app).await;
    let secret = text(&key(app, &owner, &["members.read"]).await["key"]);
    assert_eq!(users(app, &secret).await, 200);
    let log: String = log.end().iter().map(ToString::to_string).collect();
    assert!(log.contains("auth_api_keys.authenticate"), "this is not the log: {log}");
    assert!(!log.contains(&secret), "the key is in the log");
    app.forget();
    let (prefix, rest) = secret.rsplit_once('_').unwrap_or_default();
    let other = text(&json!(format!("tfk_00000000_{rest}")));
    for forged in [other, format!("tf_{rest}"), format!("{prefix}_A{rest}"), secret.to_uppercase()] {
        assert_eq!(users(app, &forged).await, 401, "{forged}");
    }
    assert_eq!(app.statements().len(), 0);
});

both_databases!(app(), [("cache.size", "1 MiB")];
async fn a_key_can_do_no_more_than_its_maker_now(app) {
    let owner = new_owner(app).await;
    let admin = invited(app, &owner, "admin@new.test", "admin").await;
    let session = text(&admin["token"]);
    let sudo = app.post("/v1/auth/sudo").bearer(&session).json(&json!({"password": PASSWORD})).send().await;
    assert_eq!(sudo.status(), 204);
    let secret = text(&key(app, &session, &["members.read", "members.write"]).await["key"]);
    let invitations = async || app.get("/v1/invitations").bearer(&secret).send().await.status();
    assert_eq!((users(app, &secret).await, invitations().await), (200, 200));
    let user = format!("/v1/users/{}", text(&admin["user"]["id"]));
    let member = app.patch(&format!("{user}/role")).bearer(&owner).json(&json!({"role": "member"}));
    assert_eq!(member.send().await.status(), 200);
    assert_eq!((users(app, &secret).await, invitations().await), (200, 403));
    assert_eq!(app.delete(&user).bearer(&owner).send().await.status(), 204);
    assert_eq!(users(app, &secret).await, 401);
    assert_eq!(app.get("/v1/api-keys").bearer(&owner).send().await.json()["items"], json!([]));
});
