//! Sessions and lists of users in the cache while other people work: what does not concern one leaves it there.

use serde_json::json;
use tenfold::both_databases;
use tenfold::testing::TestApp;

use crate::{app, confirmed, invite, mailed_token, new_owner, text, use_token_in};

const EVE: &str = "eve@other.test";
const NEW: &str = "eve@elsewhere.test";

/// How many statements the list of users takes: one for a list that is not in the cache, and one for a session that is not there. The first
/// time three more are for profiles, settings and permissions.
async fn statements(app: &TestApp, token: &str) -> u64 {
    app.get("/v1/users").bearer(token).send().await.statements()
}

/// The tokens of owners of two organizations, both in the cache.
async fn two_owners(app: &TestApp) -> [String; 2] {
    let owners = [new_owner(app).await, text(&confirmed(app, EVE).await["token"])];
    for owner in &owners {
        statements(app, owner).await;
        assert_eq!(statements(app, owner).await, 0);
    }
    owners
}

both_databases!(app(), [("cache.size", "1 MiB")];
async fn an_invitation_leaves_sessions_of_others_in_the_cache(app) {
    let [own, eve] = two_owners(app).await;
    assert_eq!(invite(app, &eve, "grace@other.test", "member").await.status(), 201);
    assert_eq!(statements(app, &own).await, 0);
});

both_databases!(app(), [("cache.size", "1 MiB")];
async fn a_new_address_leaves_sessions_of_others_in_the_cache(app) {
    let [own, eve] = two_owners(app).await;
    let change = app.post("/v1/auth/email").bearer(&eve).json(&json!({"email": NEW}));
    assert_eq!(change.send().await.status(), 202);
    for address in [EVE, NEW] {
        let token = mailed_token(app, address, "verify").await;
        assert_eq!(use_token_in(app, &eve, "/v1/auth/verify", &token).await.status(), 204);
    }
    assert_eq!(statements(app, &own).await, 0);
    assert_eq!(statements(app, &eve).await, 2, "her session and her list show the new address");
    let users = app.get("/v1/users").bearer(&eve).send().await;
    assert_eq!(users.json()["items"][0]["email"], json!(NEW));
});

both_databases!(app(), [("cache.size", "1 MiB")];
async fn a_list_of_devices_leaves_sessions_of_others_in_the_cache(app) {
    let [own, eve] = two_owners(app).await;
    assert_eq!(app.get("/v1/auth/sessions").bearer(&eve).send().await.status(), 200);
    assert_eq!(statements(app, &own).await, 0);
});
