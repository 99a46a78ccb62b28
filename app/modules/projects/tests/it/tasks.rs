//! Tasks, as the module by itself answers them.

use serde_json::json;
use tenfold::{assert_statements, both_databases};

use crate::app;

const WRITER: &str = "projects.read,projects.write";

both_databases!(app(); async fn tasks_are_listed_with_their_relations(app) {
    let made = app.post("/v1/projects").bearer(WRITER).json(&json!({"name": "Website"})).send().await;
    assert_eq!(made.status(), 201, "{}", made.text());
    let tasks = format!("{}/tasks", made.header("location"));
    for number in 0..6 {
        let task = json!({"title": format!("Step {number}")});
        assert_eq!(app.post(&tasks).bearer(WRITER).json(&task).send().await.status(), 201);
    }
    // The project, the tasks, and their assignments, labels and numbers of comments.
    let listed = assert_statements!(app, app.get(&tasks).bearer(WRITER), 5);
    assert_eq!(listed.json()["items"].as_array().map(Vec::len), Some(6));
});

both_databases!(app(); async fn nobody_makes_a_task_without_the_permission(app) {
    let made = app.post("/v1/projects").bearer(WRITER).json(&json!({"name": "Website"})).send().await;
    let tasks = format!("{}/tasks", made.header("location"));
    let refused = app.post(&tasks).bearer("projects.read").json(&json!({"title": "Step"})).send().await;
    assert_eq!(refused.status(), 403, "{}", refused.text());
});
