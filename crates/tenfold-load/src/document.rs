//! What the application's OpenAPI document says of its operations.

use std::collections::BTreeMap;

use anyhow::Context as _;
use http::Method;
use serde_json::Value;

/// The operations of an API, by name.
pub(crate) struct ApiDocument(BTreeMap<String, ApiOperation>);

/// An operation.
#[derive(Clone, Debug)]
pub(crate) struct ApiOperation {
    pub name: String,
    pub method: Method,
    /// With `{id}` where an id goes.
    pub path: String,
    pub needs_session: bool,
    /// Whether it takes a parameter `limit`.
    pub takes_limit: bool,
    pub body: Option<BodyForm>,
    /// Whether it answers a stream of events.
    pub is_stream: bool,
    /// The query string of its example.
    pub query: Option<String>,
    /// The body of its example.
    pub example: Value,
    /// Parameters of the path, with the operations that list such ids.
    pub ids: Vec<(String, String)>,
}

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyForm {
    Json,
    Bytes,
}

impl ApiDocument {
    /// Reads a document.
    pub(crate) fn read(document: &[u8]) -> anyhow::Result<Self> {
        let document: Value = serde_json::from_slice(document).context("its OpenAPI document is not JSON")?;
        let paths = document["paths"].as_object().context("its OpenAPI document has no paths")?;
        let mut operations = BTreeMap::new();
        for (path, methods) in paths {
            for (method, operation) in methods.as_object().into_iter().flatten() {
                let Ok(method) = method.to_uppercase().parse() else { continue };
                let Some(name) = operation["operationId"].as_str() else { continue };
                operations.insert(name.to_owned(), ApiOperation::read(name, method, path, operation));
            }
        }
        anyhow::ensure!(!operations.is_empty(), "its OpenAPI document has no operations");
        Ok(ApiDocument(operations))
    }

    /// An operation by its name.
    pub(crate) fn find(&self, name: &str) -> Option<&ApiOperation> {
        self.0.get(name)
    }

    /// All, by name.
    pub(crate) fn operations(&self) -> impl Iterator<Item = &ApiOperation> {
        self.0.values()
    }

    /// Their names, for messages.
    pub(crate) fn names(&self) -> String {
        self.0.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
    }

    /// Which of them are streams, for messages.
    pub(crate) fn streams(&self) -> String {
        let streams = self.operations().filter(|operation| operation.is_stream);
        let names: Vec<&str> = streams.map(|operation| &*operation.name).collect();
        match &*names {
            [] => "the API has no stream".to_owned(),
            names => format!("the API has {}", names.join(", ")),
        }
    }
}

impl ApiOperation {
    fn read(name: &str, method: Method, path: &str, operation: &Value) -> Self {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let example = &operation["x-example"];
        let bodies = operation["requestBody"]["content"].as_object();
        let body = bodies.map(|content| match content.contains_key("application/json") {
            true => BodyForm::Json,
            false => BodyForm::Bytes,
        });
        let ids = example["ids"].as_object().into_iter().flatten();
        ApiOperation {
            name: name.to_owned(),
            method,
            path: path.to_owned(),
            needs_session: operation["security"].as_array().is_some_and(|schemes| !schemes.is_empty()),
            takes_limit: parameters.clone().any(|parameter| parameter["name"] == "limit"),
            body,
            is_stream: operation["responses"]["200"]["content"].get("text/event-stream").is_some(),
            query: example["query"].as_str().map(str::to_owned),
            example: example["body"].clone(),
            ids: ids
                .map(|(parameter, list)| (parameter.clone(), list.as_str().unwrap_or_default().to_owned()))
                .collect(),
        }
    }

    /// Whether it changes something.
    pub(crate) fn writes(&self) -> bool {
        self.method != Method::GET && self.method != Method::HEAD
    }

    /// The names of the path's parameters.
    pub(crate) fn path_parameters(&self) -> impl Iterator<Item = &str> {
        self.path.split('{').skip(1).filter_map(|rest| rest.split('}').next())
    }
}
