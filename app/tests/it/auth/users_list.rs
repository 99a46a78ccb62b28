//! `GET /v1/users`: pages.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tenfold::both_databases;
use tenfold::testing::TestApp;

use crate::{join, new_owner, problem, text, token};

async fn page(app: &TestApp, token: &str, query: &str) -> Value {
    let answer = app.get(&format!("/v1/users?{query}")).bearer(token).send().await;
    assert_eq!(answer.status(), 200, "{query}: {}", answer.text());
    answer.json()
}

fn emails(page: &Value) -> Vec<String> {
    page["items"].as_array().expect("a list has items").iter().map(|item| text(&item["email"])).collect()
}

both_databases!(app::app(); async fn the_pages_give_everybody_once_and_in_order(app) {
    app.seed_demo().await;
    let token = token(app, "owner@acme.test").await;
    let whole = emails(&page(app, &token, "limit=1000").await);
    assert_eq!(whole.len(), 1000);
    assert!(whole.is_sorted(), "the list is ordered by email");
    for limit in [137, 250, 999] {
        let (mut seen, mut query) = (Vec::new(), format!("limit={limit}"));
        loop {
            let page = page(app, &token, &query).await;
            seen.extend(emails(&page));
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            assert_eq!(emails(&page).len(), limit);
            query = format!("limit={limit}&cursor={cursor}");
        }
        assert_eq!(seen, whole, "limit {limit}");
    }
    assert_eq!(emails(&page(app, &token, "").await), whole[..50], "50 unless told otherwise");
});

both_databases!(app::app(); async fn nobody_is_lost_or_repeated_while_others_join(app) {
    app.seed_demo().await;
    let token = token(app, "owner@acme.test").await;
    let whole = emails(&page(app, &token, "limit=1000").await);
    let (mut seen, mut query) = (BTreeMap::new(), "limit=250".to_owned());
    for round in 0.. {
        let page = page(app, &token, &query).await;
        for email in emails(&page) {
            *seen.entry(email).or_insert(0) += 1;
        }
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        query = format!("limit=250&cursor={cursor}");
        // One before everybody, one right behind the page's last, one after everybody.
        let last = emails(&page).pop().unwrap_or_default();
        let (before, behind) = (format!("a{round:02}@acme.test"), format!("{last}.new"));
        for email in [before, behind, format!("z{round:02}@acme.test")] {
            join(app, &token, &email, &["members.read"]).await;
        }
    }
    for email in whole {
        assert_eq!(seen.remove(&email), Some(1), "{email}");
    }
    assert!(seen.values().all(|times| *times == 1), "{seen:?}");
    assert!(seen.keys().any(|email| email.ends_with(".new")), "who joins ahead of the reader is seen");
});

both_databases!(app::app(); async fn a_limit_out_of_bounds_is_refused(app) {
    let token = new_owner(app).await;
    for limit in ["0", "1001", "-1", "abc", "1.5", "1e2", "", "65536", "9999999999999999999", "%31%30%30%31"] {
        problem(&app.get(&format!("/v1/users?limit={limit}")).bearer(&token).send().await, 400);
    }
    problem(&app.get("/v1/users?limit=5&limit=6").bearer(&token).send().await, 400);
    for limit in ["1", "1000"] {
        page(app, &token, &format!("limit={limit}")).await;
    }
});

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
