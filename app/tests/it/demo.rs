//! Tasks with all that hangs on them, as the demo makes them.

use serde_json::{Value, json};
use tenfold::both_databases;

use crate::{text, token};

const PROJECTS: [&str; 3] = ["Website", "Mobile app", "Ten times the traffic"];
const LABELS: [&str; 4] = ["bug", "idea", "urgent", "later"];

/// Ids and names of Acme's users in the order in which the demo made them.
fn in_order_of_making(users: &Value) -> Vec<Value> {
    let mut people: Vec<(usize, Value)> = Vec::new();
    for user in users["items"].as_array().expect("a list has items") {
        let email = text(&user["email"]);
        let number = match &*email {
            "owner@acme.test" => 1,
            "both@demo.test" => 1000,
            other => other["user".len()..][..4].parse().expect("users are numbered"),
        };
        people.push((number, json!({"id": user["id"], "display_name": user["profile"]["display_name"]})));
    }
    people.sort_by_key(|(number, _)| *number);
    people.into_iter().map(|(_, card)| card).collect()
}

fn sorted(list: &Value) -> Vec<String> {
    let mut items: Vec<String> = list.as_array().expect("a list").iter().map(Value::to_string).collect();
    items.sort();
    items
}

both_databases!(app::app(); async fn every_task_shows_its_own_assignees_labels_and_comments(app) {
    app.seed_demo().await;
    let token = token(app, "owner@acme.test").await;
    let people = in_order_of_making(&app.get("/v1/users?limit=1000").bearer(&token).send().await.json());
    let projects = app.get("/v1/projects").bearer(&token).send().await.json();
    let projects = projects["items"].as_array().expect("a list has items");
    assert_eq!(projects.len(), PROJECTS.len());
    for project in projects {
        let name = text(&project["name"]);
        let place = PROJECTS.iter().position(|known| *known == name).expect("the demo has no other project");
        let path = format!("/v1/projects/{}/tasks?limit=1000", text(&project["id"]));
        let tasks = app.get(&path).bearer(&token).send().await.json();
        let tasks = tasks["items"].as_array().expect("a list has items");
        assert_eq!(tasks.len(), 40);
        for task in tasks {
            let title = text(&task["title"]);
            let step = title.rsplit(' ').next().and_then(|step| step.parse().ok());
            let step: usize = step.expect("steps are numbered");
            let index = place * 40 + step - 1;
            assert_eq!(title, format!("{name}: step {step}"));
            assert_eq!(task["project_id"], project["id"]);
            assert_eq!(task["status"], ["done", "in_progress", "open"][(step - 1) % 3]);
            assert_eq!(task["comments"], index % 5, "{title}");
            assert_eq!(sorted(&task["labels"]), sorted(&json!(LABELS[..index % 3])), "{title}");
            let somebody = |step: usize| &people[(index * 7 + step) % people.len()];
            let assigned: Vec<&Value> = (0..index % 3).map(somebody).collect();
            assert_eq!(sorted(&task["assignees"]), sorted(&json!(assigned)), "{title}");
            if step == 1 {
                let alone = app.get(&format!("/v1/tasks/{}", text(&task["id"]))).bearer(&token).send().await;
                assert_eq!(alone.json(), *task);
            }
        }
    }
});

both_databases!(app::app(); async fn tasks_are_listed_by_label(app) {
    app.seed_demo().await;
    let token = token(app, "owner@acme.test").await;
    let projects = app.get("/v1/projects").bearer(&token).send().await.json();
    let tasks = format!("/v1/projects/{}/tasks", text(&projects["items"][0]["id"]));
    let all = app.get(&format!("{tasks}?limit=1000")).bearer(&token).send().await.json();
    for label in LABELS {
        let has = |task: &&Value| task["labels"].as_array().is_some_and(|labels| labels.contains(&json!(label)));
        let expected: Vec<_> = all["items"].as_array().expect("a list").iter().filter(has).cloned().collect();
        assert_eq!(expected.is_empty(), LABELS[2..].contains(&label), "the demo uses the first two");
        let (mut listed, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("{tasks}?label={label}&limit=10{cursor}");
            let page = app.get(&path).bearer(&token).send().await.json();
            listed.extend(page["items"].as_array().expect("a list").iter().cloned());
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(listed, expected, "{label}");
    }
    for refused in ["label=", "label=%00", "label=bug&label=idea", "labels=bug"] {
        app.get(&format!("{tasks}?{refused}")).bearer(&token).send().await.problem(400);
    }
});
