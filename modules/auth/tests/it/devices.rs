//! The sessions of a person: seeing them, and ending them.

use std::time::Duration;

use serde_json::{Value, json};
use tenfold::both_databases;
use tenfold::testing::TestApp;

use crate::{PASSWORD, app, is_live, problem, sign_in, sign_up, text};

const ADA: &str = "ada@new.test";

async fn devices(app: &TestApp, token: &str) -> Vec<Value> {
    let answer = app.get("/v1/auth/sessions").bearer(token).send().await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    answer.json()["items"].as_array().expect("a list has items").clone()
}

/// Signs in on a device.
async fn on_device(app: &TestApp, device: &str, address: &str) -> String {
    let credentials = json!({"email": ADA, "password": PASSWORD});
    let request = app.post("/v1/auth/sign-in").header("user-agent", device).from_address(address);
    text(&request.json(&credentials).send().await.json()["token"])
}

async fn end(app: &TestApp, token: &str, id: &Value) -> u16 {
    app.delete(&format!("/v1/auth/sessions/{}", text(id))).bearer(token).send().await.status()
}

both_databases!(app(); async fn a_person_sees_devices_addresses_and_last_use(app) {
    let first = text(&sign_up(app, ADA).await["token"]);
    sign_up(app, "bob@other.test").await;
    app.clock().advance(Duration::from_secs(3600));
    let phone = on_device(app, "Phone/1.0", "192.0.2.7").await;
    app.clock().advance(Duration::from_secs(3600));
    let listed = devices(app, &first).await;
    assert_eq!(listed.len(), 2, "{listed:?}");
    assert_eq!((&listed[0]["device"], &listed[0]["address"]), (&json!("Phone/1.0"), &json!("192.0.2.7")));
    assert_eq!((&listed[0]["current"], &listed[1]["current"]), (&json!(false), &json!(true)));
    assert_eq!(listed[0]["last_seen_at"], json!("2026-01-01T01:00:00Z"));
    assert_eq!(listed[1]["last_seen_at"], json!("2026-01-01T02:00:00Z"));
    assert!(is_live(app, &phone).await);
    assert_eq!(devices(app, &first).await[0]["last_seen_at"], json!("2026-01-01T02:00:00Z"));
});

both_databases!(app(); async fn a_person_ends_one_device_or_all_others(app) {
    let own = text(&sign_up(app, ADA).await["token"]);
    let lost = on_device(app, "Lost", "192.0.2.7").await;
    let others = [on_device(app, "A", "192.0.2.8").await, on_device(app, "B", "192.0.2.9").await];
    let listed = devices(app, &own).await;
    let id = |device: &str| listed.iter().find(|one| one["device"] == device).expect("it is listed")["id"].clone();
    assert_eq!(end(app, &own, &id("Lost")).await, 204);
    assert!(!is_live(app, &lost).await);
    assert_eq!(end(app, &own, &id("Lost")).await, 404);
    let current = listed.iter().find(|one| one["current"] == json!(true)).expect("its own is listed");
    assert_eq!(end(app, &own, &current["id"]).await, 409);
    assert_eq!(app.delete("/v1/auth/sessions").bearer(&own).send().await.status(), 204);
    assert!(!is_live(app, &others[0]).await && !is_live(app, &others[1]).await, "another device goes on");
    assert!(is_live(app, &own).await);
});

both_databases!(app(); async fn the_devices_of_somebody_else_are_not_there(app) {
    let ada = text(&sign_up(app, ADA).await["token"]);
    let bob = text(&sign_up(app, "bob@other.test").await["token"]);
    let listed = devices(app, &ada).await;
    let foreign = app.delete(&format!("/v1/auth/sessions/{}", text(&listed[0]["id"]))).bearer(&bob).send().await;
    let unknown = app.delete("/v1/auth/sessions/01900000-0000-7000-8000-000000000000").bearer(&bob).send().await;
    assert_eq!(problem(&foreign, 404), problem(&unknown, 404));
    assert_eq!(app.delete("/v1/auth/sessions").bearer(&bob).send().await.status(), 204);
    assert!(is_live(app, &ada).await);
});

both_databases!(app(); async fn devices_are_those_of_all_organizations(app) {
    app.seed_demo().await;
    let session = sign_in(app, "both@demo.test").await;
    let token = text(&session["token"]);
    for organization in session["organizations"].as_array().expect("a session lists organizations") {
        let switch = json!({"organization": organization["id"]});
        app.post("/v1/auth/switch").bearer(&token).json(&switch).send().await;
    }
    assert_eq!(devices(app, &token).await.len(), 3);
    assert_eq!(app.delete("/v1/auth/sessions").bearer(&token).send().await.status(), 204);
    assert_eq!(devices(app, &token).await.len(), 1);
});
