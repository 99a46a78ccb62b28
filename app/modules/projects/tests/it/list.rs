//! Projects: made, listed, found.

use std::time::Duration;

use serde_json::{Value, json};
use tenfold::both_databases;

use crate::{WRITER, app, text};

both_databases!(app(); async fn a_new_project_is_where_its_location_says(app) {
    let token = WRITER;
    app.clock().advance(Duration::from_micros(1_500_001));
    let made = app.post("/v1/projects").bearer(token).json(&json!({"name": "Größer: 十倍"})).send().await;
    assert_eq!(made.status(), 201);
    let project = made.json();
    assert_eq!(project["name"], "Größer: 十倍");
    assert_eq!(project["created_at"], "2026-01-01T00:00:01.500001Z");
    assert_eq!(made.header("location"), format!("/v1/projects/{}", text(&project["id"])));
    let found = app.get(made.header("location")).bearer(token).send().await;
    assert_eq!((found.status(), found.json()), (200, project));
});

both_databases!(app(); async fn projects_are_listed_newest_first_page_by_page(app) {
    let token = WRITER;
    for number in 0..7 {
        app.clock().advance(Duration::from_millis(1));
        let new = json!({"name": format!("Project {number}")});
        assert_eq!(app.post("/v1/projects").bearer(token).json(&new).send().await.status(), 201);
    }
    let (mut names, mut path) = (Vec::new(), "/v1/projects?limit=3".to_owned());
    loop {
        let page = app.get(&path).bearer(token).send().await.json();
        let items = page["items"].as_array().expect("a list has items");
        names.extend(items.iter().map(|item| text(&item["name"])));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/v1/projects?limit=3&cursor={cursor}");
    }
    let expected: Vec<String> = (0..7).rev().map(|number| format!("Project {number}")).collect();
    assert_eq!(names, expected);
});

both_databases!(app(); async fn what_cannot_be_a_project_is_refused(app) {
    let token = WRITER;
    for wrong in [
        json!({}),
        json!({"name": ""}),
        json!({"name": "x".repeat(101)}),
        json!({"name": "nul\u{0}"}),
        json!({"name": null}),
        json!({"name": ["a"]}),
        json!({"name": "a", "id": "01900000-0000-7000-8000-000000000000"}),
        json!({"name": "a", "org_id": "01900000-0000-7000-8000-000000000000"}),
        json!(["a"]),
    ] {
        let answer = app.post("/v1/projects").bearer(token).json(&wrong).send().await;
        assert_eq!(answer.status(), 422, "{wrong}: {}", answer.text());
        answer.problem(422);
    }
    let list = app.get("/v1/projects").bearer(token).send().await.json();
    assert_eq!(list, json!({"items": [], "next_cursor": Value::Null}));
});
