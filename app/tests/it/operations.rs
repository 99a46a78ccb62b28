//! The operations that the OpenAPI document lists, and what tests need to call every one of them.
//!
//! A new route with a parameter or a body gets a line in [`entity`] or [`body`]; without it the tests fail.

use serde_json::{Value, json};
use tenfold::testing::{TestApp, TestResponse};

use crate::text;

/// An operation of the document.
pub struct Operation {
    /// In capitals.
    pub method: String,
    /// With `{id}` where an id goes.
    pub path: String,
    /// What the document says of it.
    pub document: Value,
}

/// What the `{id}` of a path names.
#[derive(Clone, Copy, Debug)]
pub enum Entity {
    User,
    Project,
    Task,
    File,
    Notification,
}

/// Ids of one organization.
pub struct Ids {
    pub users: Vec<String>,
    pub projects: Vec<String>,
    pub tasks: Vec<String>,
    pub files: Vec<String>,
    pub notifications: Vec<String>,
}

/// What the id in a path names, and the only place to say so.
fn entity(path: &str) -> Option<Entity> {
    match path {
        "/v1/users/{id}" => Some(Entity::User),
        "/v1/projects/{id}" | "/v1/projects/{id}/tasks" => Some(Entity::Project),
        "/v1/tasks/{id}" => Some(Entity::Task),
        "/v1/notifications/{id}/read" => Some(Entity::Notification),
        _ if path == "/v1/files/{id}" || path.starts_with("/v1/files/{id}/") => Some(Entity::File),
        _ => None,
    }
}

/// A body that would be taken, and the only place to say so. Where it changes something, the change shows.
fn body(operation: &str) -> Option<Value> {
    match operation {
        "POST /v1/auth/switch" => Some(json!({"organization": "01900000-0000-7000-8000-000000000000"})),
        "PATCH /v1/users/{id}" => Some(
            json!({"profile": {"display_name": "Mallory"}, "settings": {"theme": "dark", "locale": "xx"}}),
        ),
        "POST /v1/files" => Some(json!("any bytes are a file")),
        "POST /v1/projects" => Some(json!({"name": "Mallory's"})),
        "POST /v1/projects/{id}/tasks" => Some(json!({"title": "Mallory's"})),
        "PATCH /v1/projects/{id}" => Some(json!({"name": "Mallory's"})),
        "PATCH /v1/tasks/{id}" => Some(json!({"title": "Mallory's", "status": "in_progress"})),
        _ => None,
    }
}

/// All operations of the document.
pub async fn all(app: &TestApp) -> Vec<Operation> {
    let document = app.get("/openapi.json").send().await.json();
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("a document has paths") {
        for (method, document) in methods.as_object().expect("a path has methods") {
            let (method, path) = (method.to_uppercase(), path.clone());
            operations.push(Operation { method, path, document: document.clone() });
        }
    }
    // What deletes comes last, so that the others find what they name.
    operations.sort_by_key(|operation: &Operation| operation.method == "DELETE");
    assert!(operations.len() > 10, "the document lists {} operations only", operations.len());
    operations
}

impl Operation {
    /// `GET /v1/users/{id}`.
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Whether the path has a parameter.
    pub fn names_something(&self) -> bool {
        self.path.contains('{')
    }

    /// What its parameter names.
    pub fn entity(&self) -> Entity {
        entity(&self.path).unwrap_or_else(|| {
            panic!(
                "nobody knows what the parameter of {} names: add a line to entity() in {}",
                self.name(),
                file!()
            )
        })
    }

    /// The permission that the document says it needs.
    pub fn permission(&self) -> Option<String> {
        self.document.get("x-permission").map(text)
    }

    /// Whether the document says that it needs a session.
    pub fn needs_session(&self) -> bool {
        self.document["security"].as_array().is_some_and(|schemes| !schemes.is_empty())
    }

    /// Calls it as the token's owner, or as nobody, on one id, with a body that would be taken.
    pub async fn call(&self, app: &TestApp, token: Option<&str>, id: &str) -> TestResponse {
        let path = self.path.replace("{id}", id);
        assert!(!path.contains('{'), "{} has a parameter that is not {{id}}", self.name());
        let mut request = app.request(&self.method, &path);
        if let Some(token) = token {
            request = request.bearer(token);
        }
        if self.document.get("requestBody").is_some() {
            let body = body(&self.name()).unwrap_or_else(|| {
                panic!("nobody knows a body that {} takes: add a line to body() in {}", self.name(), file!())
            });
            request = request.json(&body);
        }
        request.send().await
    }
}

impl Ids {
    /// The ids that somebody sees.
    pub async fn seen_by(app: &TestApp, token: &str) -> Self {
        let users = listed(app, token, "/v1/users").await;
        let projects = listed(app, token, "/v1/projects").await;
        let mut tasks = Vec::new();
        for project in &projects {
            tasks.extend(listed(app, token, &format!("/v1/projects/{project}/tasks")).await);
        }
        let files = listed(app, token, "/v1/files").await;
        let notifications = listed(app, token, "/v1/notifications").await;
        Ids { users, projects, tasks, files, notifications }
    }

    /// Those of one kind.
    pub fn of(&self, entity: Entity) -> &[String] {
        match entity {
            Entity::User => &self.users,
            Entity::Project => &self.projects,
            Entity::Task => &self.tasks,
            Entity::File => &self.files,
            Entity::Notification => &self.notifications,
        }
    }
}

/// Everything that somebody sees in lists, to compare with later.
pub async fn everything(app: &TestApp, token: &str) -> Vec<Value> {
    let mut lists = Vec::new();
    for path in ["/v1/users", "/v1/projects", "/v1/files", "/v1/notifications"] {
        lists.push(list(app, token, path).await);
    }
    for project in Ids::seen_by(app, token).await.projects {
        lists.push(list(app, token, &format!("/v1/projects/{project}/tasks")).await);
    }
    lists
}

async fn list(app: &TestApp, token: &str, path: &str) -> Value {
    let answer = app.get(&format!("{path}?limit=1000")).bearer(token).send().await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let list = answer.json();
    assert_eq!(list["next_cursor"], Value::Null, "{path} has more than one page");
    list
}

async fn listed(app: &TestApp, token: &str, path: &str) -> Vec<String> {
    let list = list(app, token, path).await;
    list["items"].as_array().expect("a list has items").iter().map(|item| text(&item["id"])).collect()
}
