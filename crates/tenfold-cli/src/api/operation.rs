//! Compares two versions of one operation: how it is called, what it takes, what it answers.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::schema::{Direction, SchemaChange, Schemas};

const METHODS: [&str; 7] = ["delete", "get", "head", "options", "patch", "post", "put"];

/// All operations, by names such as `GET /v1/users`.
pub fn all(document: &Value) -> impl Iterator<Item = (String, &Value)> {
    let paths = document["paths"].as_object().into_iter().flatten();
    paths.flat_map(|(path, item)| {
        METHODS
            .iter()
            .filter_map(move |method| Some((format!("{} {path}", method.to_uppercase()), item.get(method)?)))
    })
}

/// The operation of this name.
pub fn find<'a>(document: &'a Value, name: &str) -> Option<&'a Value> {
    let (method, path) = name.split_once(' ')?;
    document["paths"].get(path)?.get(method.to_lowercase())
}

/// The changes that break the clients of an operation; each version comes with the document that contains it.
pub fn changes(
    (old_document, old): (&Value, &Value),
    (new_document, new): (&Value, &Value),
) -> Vec<SchemaChange> {
    let mut changes = access(old, new);
    let mut schemas = Schemas::new(old_document, new_document);
    parameters(old, new, &mut schemas, &mut changes);
    body(old, new, &mut schemas, &mut changes);
    answers(old, new, &mut schemas, &mut changes);
    changes.extend(schemas.into_changes());
    changes
}

/// The name in generated clients, and the required session and permissions.
fn access(old: &Value, new: &Value) -> Vec<SchemaChange> {
    let mut changes = Vec::new();
    let (before, after) = (&old["operationId"], &new["operationId"]);
    if before != after {
        changes.push(SchemaChange::here(format!("its operationId is {after} instead of {before}")));
    }
    let needs_session =
        |operation: &Value| operation["security"].as_array().is_some_and(|all| !all.is_empty());
    if needs_session(new) && !needs_session(old) {
        changes.push(SchemaChange::here("it needs a session"));
    }
    let permission = &new["x-permission"];
    if !permission.is_null() && *permission != old["x-permission"] {
        changes.push(SchemaChange::here(format!("it needs the permission {permission}")));
    }
    for role in texts(&old["x-roles"]).difference(&texts(&new["x-roles"])) {
        changes.push(SchemaChange::here(format!("the role {role} may no longer call it")));
    }
    changes
}

fn parameters(old: &Value, new: &Value, schemas: &mut Schemas<'_>, changes: &mut Vec<SchemaChange>) {
    let (before, after) = (parameters_of(old), parameters_of(new));
    for (name, parameter) in &before {
        match after.get(name) {
            None => changes.push(SchemaChange::here(format!("the {name} is gone"))),
            Some(now) => {
                schemas.compare(
                    &parameter["schema"],
                    &now["schema"],
                    Direction::Request,
                    &format!("the {name}"),
                );
            }
        }
    }
    let is_required = |parameter: &Value| parameter["required"] == true;
    for (name, _) in after.iter().filter(|(_, parameter)| is_required(parameter)) {
        if !before.get(name).is_some_and(|parameter| is_required(parameter)) {
            changes.push(SchemaChange::here(format!("the {name} is required")));
        }
    }
}

/// Keyed by names such as `query parameter limit`.
fn parameters_of(operation: &Value) -> BTreeMap<String, &Value> {
    let all = operation["parameters"].as_array().into_iter().flatten();
    all.map(|parameter| {
        (format!("{} parameter {}", text(&parameter["in"]), text(&parameter["name"])), parameter)
    })
    .collect()
}

fn body(old: &Value, new: &Value, schemas: &mut Schemas<'_>, changes: &mut Vec<SchemaChange>) {
    let (before, after) = (&old["requestBody"], &new["requestBody"]);
    if after["required"] == true && before["required"] != true {
        changes.push(SchemaChange::here("a body is required"));
    }
    content(before, after, Direction::Request, "the body", schemas, changes);
}

fn answers(old: &Value, new: &Value, schemas: &mut Schemas<'_>, changes: &mut Vec<SchemaChange>) {
    let (before, after) = (fields(&old["responses"]), fields(&new["responses"]));
    let is_success = |status: &&String| status.starts_with('2');
    for status in before.keys().filter(is_success).filter(|status| !after.contains_key(*status)) {
        changes.push(SchemaChange::here(format!("it no longer answers {status}")));
    }
    for status in after.keys().filter(is_success).filter(|status| !before.contains_key(*status)) {
        changes.push(SchemaChange::here(format!("it may answer {status}")));
    }
    for (status, answer) in &before {
        let Some(now) = after.get(status) else { continue };
        let place = format!("the answer {status}");
        content(answer, now, Direction::Answer, &place, schemas, changes);
        let headers = fields(&now["headers"]);
        for header in fields(&answer["headers"]).keys().filter(|header| !headers.contains_key(*header)) {
            changes.push(SchemaChange::here(format!("{place} no longer has the header {header}")));
        }
    }
}

/// The content types of a body or an answer.
fn content(
    old: &Value,
    new: &Value,
    direction: Direction,
    place: &str,
    schemas: &mut Schemas<'_>,
    changes: &mut Vec<SchemaChange>,
) {
    let after = fields(&new["content"]);
    for (kind, before) in fields(&old["content"]) {
        match after.get(&kind) {
            None => changes.push(SchemaChange::here(format!("{place} is no longer {kind}"))),
            Some(now) => schemas.compare(&before["schema"], &now["schema"], direction, place),
        }
    }
}

fn fields(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn texts(value: &Value) -> BTreeSet<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}
