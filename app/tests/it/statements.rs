//! What requests cost: a constant number of statements, however many rows there are.

use serde_json::json;
use tenfold::testing::TestApp;
use tenfold::{assert_scales, assert_statements, both_databases};

use crate::{join, new_owner_with_one_of_each, token, upload_a_picture};

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
