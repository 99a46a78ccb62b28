//! `GET /v1/users`: pages.

use std::collections::BTreeMap;

use serde_json::Value;
use tenfold::both_databases;
use tenfold::testing::TestApp;

use crate::{app, join, new_owner, problem, text, token};

async fn page(app: &TestApp, token: &str, query: &str) -> Value {
    let answer = app.get(&format!("/v1/users?{query}")).bearer(token).send().await;
    assert_eq!(answer.status(), 200, "{query}: {}", answer.text());
    answer.json()
}

fn emails(page: &Value) -> Vec<String> {
    page["items"].as_array().expect("a list has items").iter().map(|item| text(&item["email"])).collect()
}

both_databases!(app(); async fn the_pages_give_everybody_once_and_in_order(app) {
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

both_databases!(app(); async fn nobody_is_lost_or_repeated_while_others_join(app) {
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

both_databases!(app(); async fn a_limit_out_of_bounds_is_refused(app) {
    let token = new_owner(app).await;
    for limit in ["0", "1001", "-1", "abc", "1.5", "1e2", "", "65536", "9999999999999999999", "%31%30%30%31"] {
        problem(&app.get(&format!("/v1/users?limit={limit}")).bearer(&token).send().await, 400);
    }
    problem(&app.get("/v1/users?limit=5&limit=6").bearer(&token).send().await, 400);
    for limit in ["1", "1000"] {
        page(app, &token, &format!("limit={limit}")).await;
    }
});
