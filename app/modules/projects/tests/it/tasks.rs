//! Tasks: made in a project, listed, changed.

use std::time::Duration;

use serde_json::{Value, json};
use tenfold::testing::TestApp;
use tenfold::{assert_statements, both_databases};

use crate::{READER, WRITER, app, stranger, text};

const UNKNOWN: &str = "01900000-0000-7000-8000-000000000000";

/// The path of a new project's tasks.
async fn project(app: &TestApp) -> String {
    let made = app.post("/v1/projects").bearer(WRITER).json(&json!({"name": "Website"})).send().await;
    assert_eq!(made.status(), 201, "{}", made.text());
    format!("{}/tasks", made.header("location"))
}

async fn list(app: &TestApp, token: &str, path: &str) -> Vec<Value> {
    let answer = app.get(path).bearer(token).send().await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    answer.json()["items"].as_array().expect("a list has items").clone()
}

both_databases!(app(); async fn a_new_task_is_open_and_bare_and_last_in_the_list(app) {
    let (token, tasks) = (WRITER, project(app).await);
    let mut expected = Vec::new();
    for number in 0..3 {
        app.clock().advance(Duration::from_secs(1));
        let title = format!("Task {number}");
        let made = app.post(&tasks).bearer(token).json(&json!({"title": title})).send().await;
        assert_eq!(made.status(), 201, "{}", made.text());
        let task = made.json();
        assert_eq!(tasks, format!("/v1/projects/{}/tasks", text(&task["project_id"])));
        assert_eq!(made.header("location"), format!("/v1/tasks/{}", text(&task["id"])));
        assert_eq!(task["created_at"], format!("2026-01-01T00:00:0{}Z", number + 1));
        let rest = ["title", "status", "assignees", "labels", "comments"].map(|field| task[field].clone());
        assert_eq!(json!(rest), json!([title, "open", [], [], 0]));
        let found = app.get(made.header("location")).bearer(token).send().await;
        assert_eq!((found.status(), found.json()), (200, task.clone()));
        expected.push(task);
    }
    assert_eq!(list(app, token, &tasks).await, expected);
});

both_databases!(app(); async fn a_patch_changes_title_and_status_each_by_itself(app) {
    let (token, tasks) = (WRITER, project(app).await);
    let made = app.post(&tasks).bearer(token).json(&json!({"title": "Before"})).send().await;
    let mut expected = made.json();
    for change in [
        json!({"status": "in_progress"}),
        json!({"title": "After"}),
        json!({"status": "done", "title": "Done"}),
        json!({"status": "open"}),
        json!({}),
    ] {
        for (field, value) in change.as_object().expect("a change is an object") {
            expected[field] = value.clone();
        }
        let answer = app.patch(made.header("location")).bearer(token).json(&change).send().await;
        assert_eq!((answer.status(), answer.json()), (200, expected.clone()), "{change}");
        assert_eq!(list(app, token, &tasks).await, [expected.clone()], "{change}");
    }
    let status = ["Done", "", "closed"].map(|status| json!({"status": status}));
    for wrong in status.into_iter().chain([json!({"title": ""}), json!({"project_id": UNKNOWN})]) {
        app.patch(made.header("location")).bearer(token).json(&wrong).send().await.problem(422);
    }
    assert_eq!(list(app, token, &tasks).await, [expected]);
});

both_databases!(app(); async fn what_is_not_there_is_not_found(app) {
    let (token, tasks) = (WRITER, project(app).await);
    let title = json!({"title": "Nowhere"});
    let (project, task) = (format!("/v1/projects/{UNKNOWN}"), format!("/v1/tasks/{UNKNOWN}"));
    app.get(&project).bearer(token).send().await.problem(404);
    app.get(&format!("{project}/tasks")).bearer(token).send().await.problem(404);
    app.post(&format!("{project}/tasks")).bearer(token).json(&title).send().await.problem(404);
    app.get(&task).bearer(token).send().await.problem(404);
    app.patch(&task).bearer(token).json(&title).send().await.problem(404);
    app.patch(&task).bearer(token).json(&json!({})).send().await.problem(404);
    // A project's id is no task's.
    let own = tasks.replace("/v1/projects/", "/v1/tasks/");
    app.get(own.trim_end_matches("/tasks")).bearer(token).send().await.problem(404);
    assert_eq!(list(app, token, &tasks).await, Vec::<Value>::new());
});

both_databases!(app(); async fn a_cursor_of_one_projects_tasks_is_refused_by_another_project(app) {
    let projects = [project(app).await, project(app).await];
    for tasks in &projects {
        for number in 0..6 {
            let task = json!({"title": format!("Step {number}")});
            assert_eq!(app.post(tasks).bearer(WRITER).json(&task).send().await.status(), 201);
        }
    }
    let page = |tasks: &str, cursor: &str| app.get(&format!("{tasks}?limit=5{cursor}")).bearer(WRITER).send();
    let cursor = format!("&cursor={}", text(&page(&projects[0], "").await.json()["next_cursor"]));
    let same = page(&projects[0], &cursor).await;
    assert_eq!(same.status(), 200, "{}", same.text());
    let other = page(&projects[1], &cursor).await;
    assert_eq!(other.status(), 400, "{}", other.text());
});

both_databases!(app(); async fn tasks_are_listed_with_their_relations(app) {
    let tasks = project(app).await;
    for number in 0..6 {
        let task = json!({"title": format!("Step {number}")});
        assert_eq!(app.post(&tasks).bearer(WRITER).json(&task).send().await.status(), 201);
    }
    // The project, the tasks, and their assignments, labels and numbers of comments.
    let listed = assert_statements!(app, app.get(&tasks).bearer(WRITER), 5);
    assert_eq!(listed.json()["items"].as_array().map(Vec::len), Some(6));
});

both_databases!(app(); async fn tasks_are_searched_by_their_titles(app) {
    let tasks = project(app).await;
    let stranger = stranger();
    for title in ["Write the Übersicht", "write it up", "Read"] {
        let made = app.post(&tasks).bearer(WRITER).json(&json!({"title": title})).send().await;
        assert_eq!(made.status(), 201, "{}", made.text());
    }
    let made = app.post("/v1/projects").bearer(&stranger).json(&json!({"name": "Theirs"})).send().await;
    let theirs = format!("{}/tasks", made.header("location"));
    let title = json!({"title": "write in secret"});
    assert_eq!(app.post(&theirs).bearer(&stranger).json(&title).send().await.status(), 201);
    for (words, expected) in [
        ("WRITE", vec!["Write the Übersicht", "write it up"]),
        ("uber", vec!["Write the Übersicht"]),
        ("%22it%20up%22", vec!["write it up"]),
        ("write%20-it", vec!["Write the Übersicht"]),
        ("secret", vec![]),
        ("%22%27%29%3B--%00", vec![]),
        ("", vec![]),
    ] {
        let found = list(app, WRITER, &format!("{tasks}?search={words}&limit=5")).await;
        let titles: Vec<String> = found.iter().map(|task| text(&task["title"])).collect();
        assert_eq!(titles, expected, "{words}");
    }
    let task = list(app, WRITER, &format!("{tasks}?search=read")).await;
    let path = format!("/v1/tasks/{}", text(&task[0]["id"]));
    assert_eq!(app.patch(&path).bearer(WRITER).json(&json!({"title": "Answer"})).send().await.status(), 200);
    assert_eq!(list(app, WRITER, &format!("{tasks}?search=read")).await, Vec::<Value>::new());
    assert_eq!(list(app, WRITER, &format!("{tasks}?search=answ")).await.len(), 1);
});

both_databases!(app(); async fn nobody_makes_a_task_without_the_permission(app) {
    let tasks = project(app).await;
    let refused = app.post(&tasks).bearer(READER).json(&json!({"title": "Step"})).send().await;
    assert_eq!(refused.status(), 403, "{}", refused.text());
});
