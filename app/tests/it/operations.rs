//! The operations that the OpenAPI document lists, and calls of every one of them by its example.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tenfold::testing::{TestApp, TestResponse};

use crate::text;

/// An operation of the document.
pub struct DocumentOperation {
    /// In capitals.
    pub method: String,
    /// With `{id}` where an id goes.
    pub path: String,
    /// What the document says of it.
    pub document: Value,
}

/// The ids of one organization, by the operation that lists them.
pub struct Ids(BTreeMap<String, Vec<String>>);

/// All operations of the document.
pub async fn all(app: &TestApp) -> Vec<DocumentOperation> {
    let document = app.get("/openapi.json").send().await.json();
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("a document has paths") {
        for (method, document) in methods.as_object().expect("a path has methods") {
            let (method, path) = (method.to_uppercase(), path.clone());
            operations.push(DocumentOperation { method, path, document: document.clone() });
        }
    }
    // What deletes comes last, so that the others find what they name.
    operations.sort_by_key(|operation: &DocumentOperation| operation.method == "DELETE");
    assert!(operations.len() > 10, "the document lists {} operations only", operations.len());
    operations
}

impl DocumentOperation {
    /// `GET /v1/users/{id}`.
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Whether the path has a parameter.
    pub fn names_something(&self) -> bool {
        self.path.contains('{')
    }

    /// The operation that lists what its parameter names.
    pub fn listed_by(&self) -> String {
        text(&self.document["x-example"]["ids"]["id"])
    }

    /// The permission that the document says it needs.
    pub fn permission(&self) -> Option<String> {
        self.document.get("x-permission").map(text)
    }

    /// Whether the document says that it needs a session.
    pub fn needs_session(&self) -> bool {
        self.document["security"].as_array().is_some_and(|schemes| !schemes.is_empty())
    }

    /// Calls it as the token's owner, or as nobody, on one id, with the query and body of its example.
    pub async fn call(&self, app: &TestApp, token: Option<&str>, id: &str) -> TestResponse {
        let mut path = self.path.replace("{id}", id);
        assert!(!path.contains('{'), "{} has a parameter that is not {{id}}", self.name());
        let example = &self.document["x-example"];
        if let Some(query) = example["query"].as_str() {
            path = format!("{path}?{query}");
        }
        let mut request = app.request(&self.method, &path);
        if let Some(token) = token {
            request = request.bearer(token);
        }
        let content = self.document["requestBody"]["content"].as_object();
        if let Some(content) = content {
            request = match (&example["body"], content.contains_key("application/json")) {
                (body, true) => request.json(body),
                (bytes, false) => request.body(text(bytes).into_bytes()),
            };
        }
        request.send().await
    }
}

impl Ids {
    /// The ids that somebody sees: those that the examples of all operations take theirs from.
    pub async fn seen_by(app: &TestApp, token: &str) -> Self {
        let lists = lists(app, token).await;
        let ids = |items: &Value| {
            items["items"]
                .as_array()
                .expect("a list has items")
                .iter()
                .map(|item| text(&item["id"]))
                .collect::<Vec<_>>()
        };
        Ids(lists.into_iter().map(|(name, pages)| (name, pages.iter().flat_map(ids).collect())).collect())
    }

    /// Those that an operation takes.
    pub fn of(&self, operation: &DocumentOperation) -> &[String] {
        &self.0[&operation.listed_by()]
    }

    /// One that an operation takes. None for one that takes none, and where nothing makes what it names.
    pub fn one(&self, operation: &DocumentOperation) -> Option<&str> {
        if !operation.names_something() {
            return None;
        }
        let one = self.of(operation).first();
        // carve:if files
        assert!(one.is_some(), "nothing makes what {} names", operation.name());
        // carve:end
        one.map(String::as_str)
    }
}

/// Calls each operation that creates something from JSON, by its example: first those at a path without an id, then those
/// inside what the first have created.
pub async fn create_one_of_each(app: &TestApp, token: &str) {
    let all = all(app).await;
    let creates = |operation: &&DocumentOperation| {
        let json = operation.document["requestBody"]["content"].get("application/json").is_some();
        operation.method == "POST" && operation.permission().is_some() && json
    };
    let (inside, outside): (Vec<_>, Vec<_>) =
        all.iter().filter(creates).partition(|one| one.names_something());
    for operation in outside.into_iter().chain(inside) {
        let mut id = String::new();
        if operation.names_something() {
            let list = all.iter().find(|one| one.document["operationId"] == operation.listed_by());
            let list = list.expect("the document has the list that an example names");
            id = text(&whole(app, token, &list.path).await["items"][0]["id"]);
        }
        let answer = operation.call(app, Some(token), &id).await;
        assert_eq!(answer.status(), 201, "{}: {}", operation.name(), answer.text());
    }
    // A provider links it, and there is none.
    let email = text(&app.get("/v1/auth/session").bearer(token).send().await.json()["user"]["email"]);
    let linked = app.run(async |cx| tenfold_auth::demo::link(&cx, &email).await).await;
    linked.unwrap_or_else(|error| panic!("{error:#}"));
    app.run_due_jobs().await;
}

/// Everything that somebody sees in lists, to compare with later.
pub async fn everything(app: &TestApp, token: &str) -> Vec<Value> {
    lists(app, token).await.into_values().flatten().collect()
}

/// What each list that an example names holds, for each of the ids that it takes itself.
async fn lists(app: &TestApp, token: &str) -> BTreeMap<String, Vec<Value>> {
    let all = all(app).await;
    let named: BTreeSet<String> =
        all.iter().filter(|one| one.names_something()).map(DocumentOperation::listed_by).collect();
    let list_of = |name: &str| {
        all.iter()
            .find(|operation| operation.document["operationId"] == name)
            .expect("the document has the list")
    };
    let mut waiting: Vec<(&String, &DocumentOperation)> =
        named.iter().map(|name| (name, list_of(name))).collect();
    let mut lists: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    // A list inside a thing waits for the list that shows the thing.
    while !waiting.is_empty() {
        let is_ready =
            |list: &DocumentOperation| !list.names_something() || lists.contains_key(&list.listed_by());
        let (ready, rest): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|(_, list)| is_ready(list));
        assert!(!ready.is_empty(), "no list can be read before another one");
        for (name, list) in ready {
            let mut pages = Vec::new();
            if list.names_something() {
                for outer in &lists[&list.listed_by()] {
                    for item in outer["items"].as_array().expect("a list has items") {
                        pages.push(whole(app, token, &list.path.replace("{id}", &text(&item["id"]))).await);
                    }
                }
            } else {
                pages.push(whole(app, token, &list.path).await);
            }
            lists.insert(name.clone(), pages);
        }
        waiting = rest;
    }
    lists
}

async fn whole(app: &TestApp, token: &str, path: &str) -> Value {
    let answer = app.get(&format!("{path}?limit=1000")).bearer(token).send().await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let list = answer.json();
    assert_eq!(list["next_cursor"], Value::Null, "{path} has more than one page");
    list
}
