//! Cursors: each belongs to one list.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tenfold::both_databases;
use tenfold::testing::TestApp;

use crate::{join, new_owner, problem, text};

async fn page(app: &TestApp, token: &str, query: &str) -> Value {
    let answer = app.get(&format!("/v1/users?{query}")).bearer(token).send().await;
    assert_eq!(answer.status(), 200, "{query}: {}", answer.text());
    answer.json()
}

both_databases!(app::app(); async fn what_is_no_cursor_of_this_list_is_refused(app) {
    let token = new_owner(app).await;
    for number in 0..4 {
        join(app, &token, &format!("{number}@new.test"), &[]).await;
        let new = json!({"name": format!("Project {number}")});
        assert_eq!(app.post("/v1/projects").bearer(&token).json(&new).send().await.status(), 201);
    }
    let cursor = text(&page(app, &token, "limit=3").await["next_cursor"]);
    let other = app.get("/v1/projects?limit=1").bearer(&token).send().await.json();
    let list = "auth_users:email,id";
    let made_up = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let id = "01900000-0000-7000-8000-000000000000";
    for wrong in [
        text(&other["next_cursor"]),
        String::new(),
        "0".to_owned(),
        "%00".to_owned(),
        "%F0%9F%92%A9".to_owned(),
        format!("{cursor}A"),
        format!("{cursor}="),
        cursor[1..].to_owned(),
        cursor[..cursor.len() - 4].to_owned(),
        made_up(&json!({"l": list, "a": ["x"]})),
        made_up(&json!({"l": list, "a": ["x", id, id]})),
        made_up(&json!({"l": list, "a": [7, id]})),
        made_up(&json!({"l": list, "a": ["x", "no id"]})),
        made_up(&json!({"l": list, "a": ["nul\u{0}", id]})),
        made_up(&json!({"l": "auth_users:id", "a": [id]})),
        made_up(&json!({"l": "auth_users:-email,id", "a": ["x", id]})),
        "W1tb".repeat(500),
    ] {
        let answer = app.get(&format!("/v1/users?limit=3&cursor={wrong}")).bearer(&token).send().await;
        assert_eq!(answer.status(), 400, "{wrong}: {}", answer.text());
        problem(&answer, 400);
    }
    // A cursor is no secret and opens nothing: a forged one gives another place in one's own list at worst.
    for index in 0..cursor.len() {
        let mut other = cursor.clone().into_bytes();
        other[index] = if other[index] == b'A' { b'B' } else { b'A' };
        let other = String::from_utf8_lossy(&other).into_owned();
        let answer = app.get(&format!("/v1/users?limit=3&cursor={other}")).bearer(&token).send().await;
        assert!([200, 400].contains(&answer.status()), "{other}: {}", answer.text());
    }
});
