//! What requests cost: a constant number of statements, however many rows there are.

use serde_json::json;
use tenfold::testing::{TestApp, count_statements, scale};
use tenfold::{assert_scales, assert_statements, both_databases};

use crate::{join, new_owner_with_one_of_each, probe, token, upload_a_picture};

both_databases!(app::app(); async fn a_list_of_users_costs_four_statements_and_the_session_for_any_length(app) {
    app.seed_demo().await;
    let token = token(app, "owner@acme.test").await;
    for limit in [10, 100, 1000] {
        let list = app.get(&format!("/v1/users?limit={limit}")).bearer(&token);
        let answer = assert_statements!(app, list, 5);
        assert_eq!(answer.json()["items"].as_array().map(Vec::len), Some(limit));
        assert_eq!(answer.statements(), 5);
    }
});

both_databases!(app::app(); async fn a_list_of_tasks_costs_the_same_for_any_length_and_one_call_to_auth(app) {
    app.seed_demo().await;
    let token = token(app, "owner@acme.test").await;
    let projects = app.get("/v1/projects").bearer(&token).send().await.json();
    let project = projects["items"][0]["id"].as_str().expect("the demo has projects");
    for limit in [5, 20, 40] {
        app.forget();
        let list = app.get(&format!("/v1/projects/{project}/tasks?limit={limit}")).bearer(&token);
        let answer = assert_statements!(app, list, 8);
        assert_eq!(answer.json()["items"].as_array().map(Vec::len), Some(limit));
        assert_eq!(app.calls().len(), 1);
    }
});

/// Three more of everything that is listed.
async fn more_of_everything(app: &TestApp, token: &str, tasks: &str) {
    for _ in 0..3 {
        join(app, token, &format!("{}@new.test", app.run(async |cx| cx.new_id()).await), &["members.read"])
            .await;
        app.post("/v1/projects").bearer(token).json(&json!({"name": "More"})).send().await;
        app.post(tasks).bearer(token).json(&json!({"title": "More"})).send().await;
        upload_a_picture(app, token).await;
    }
}

both_databases!(app::app(); async fn every_list_and_every_upload_costs_the_same_with_three_times_the_rows(app) {
    let token = new_owner_with_one_of_each(app).await;
    let projects = app.get("/v1/projects").bearer(&token).send().await.json();
    let tasks = format!("/v1/projects/{}/tasks", projects["items"][0]["id"].as_str().expect("an id"));
    let lists = ["/v1/users", "/v1/projects", &tasks, "/v1/files", "/v1/notifications"];
    assert_scales!(app, async || more_of_everything(app, &token, &tasks).await, || {
        let upload = app.post("/v1/files?name=more").bearer(&token).body("more");
        lists.iter().map(|path| app.get(path).bearer(&token)).chain([upload]).collect()
    });
});

async fn five_notes(app: &TestApp) {
    for _ in 0..5 {
        assert_eq!(app.post("/probe/notes").send().await.status(), 200);
    }
}

both_databases!(probe::app(); async fn an_n_plus_one_is_answered_counted_and_told_with_its_line(app) {
    five_notes(app).await;
    let answer = app.get("/probe/loop").send().await;
    assert_eq!((answer.status(), answer.json()), (200, json!(5)), "the request goes on as in production");
    let repeated = app.take_repeated();
    let [one] = &*repeated else { panic!("{repeated:?}") };
    assert_eq!((&*one.name, one.times), ("probe.note_by_id", 5));
    assert!(one.to_string().contains("app/tests/it/probe.rs:"), "{one}");
    let metrics = app.get("/metrics").send().await.text();
    let counted = r#"tenfold_n_plus_one_total{statement="probe.note_by_id",module="app"} 1"#;
    assert!(metrics.contains(counted), "{metrics}");
});

both_databases!(probe::app(); async fn a_broken_budget_says_which_statement_from_which_line(app) {
    five_notes(app).await;
    let why = count_statements(app, app.get("/probe/loop"), 2).await.expect_err("six statements were sent");
    assert!(why.starts_with("6 statements where 2 are allowed") && why.contains("5 x probe.note_by_id at "), "{why}");
    assert!(why.contains("app/tests/it/probe.rs:"), "{why}");
    let requests = || vec![app.get("/probe/notes"), app.get("/probe/loop")];
    let why = scale(app, async || five_notes(app).await, requests).await.expect_err("a loop costs more");
    assert!(why.contains("2: probe.note_by_id at ") && why.contains("ran [10, 15, 20] times"), "{why}");
    assert!(!why.contains("probe.count"), "{why}");
    let why = scale(app, async || {}, || vec![app.get("/probe/notes")]).await.expect_err("no row is added");
    assert!(why.contains("prove nothing"), "{why}");
    app.take_repeated();
});
