//! Finishes the OpenAPI document: what applies to every operation is added once, here.

use std::collections::{BTreeSet, HashSet};

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use tenfold_admission::RequestClass;
use utoipa::ToSchema as _;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, OpenApi, PathItem, RefOr};

use super::admission::routes::{CriticalPages, RouteClasses};
use super::endpoint::{EXAMPLE, PRIORITY, SERVICES, SESSION, problem_response};
use super::problem::Problem;
use super::query_names::QueryNames;
use super::validated::INLINE;

/// The document as it is served.
///
/// # Errors
/// When an operation takes a body and has no example of it, or its example names a list that does
/// not exist.
pub(super) fn finish(mut document: OpenApi, title: &str, version: &str) -> anyhow::Result<Bytes> {
    document.info = InfoBuilder::new().title(title).version(version).build();
    let mut components = document.components.take().unwrap_or_default();
    let mut schemas = Vec::new();
    Problem::schemas(&mut schemas);
    components.schemas.insert(Problem::name().into_owned(), <Problem as utoipa::PartialSchema>::schema());
    components.schemas.extend(schemas);
    let mut components = ComponentsBuilder::from(components).build();
    components.add_security_scheme(
        SESSION,
        SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build()),
    );
    document.components = Some(components);
    let mut json = serde_json::to_value(&document).unwrap_or_default();
    let default = serde_json::to_value(problem_response("What went wrong, and what is allowed."))?;
    for operation in operations_in(&mut json) {
        operation["responses"]["default"] = default.clone();
        if let Some(operation) = operation.as_object_mut() {
            operation.remove(SERVICES);
            operation.remove(PRIORITY);
        }
    }
    show_examples(&mut json)?;
    show_inline(&mut json);
    mend(&mut json);
    show_events(&mut json);
    check_references(&json, &json["components"]["schemas"])?;
    Ok(Bytes::from(json.to_string()))
}

/// Checks that every service that a handler takes was built; `built` holds the type names of those
/// that were.
///
/// # Errors
/// Names the first operation that would always answer 500.
pub(crate) fn check_services(document: &OpenApi, built: &HashSet<&'static str>) -> anyhow::Result<()> {
    for operation in document.paths.paths.values().flat_map(operations_of) {
        let services = operation.extensions.as_ref().and_then(|extensions| extensions.get(SERVICES));
        let services = services.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        if let Some(missing) = services.into_iter().find(|service| !built.contains(service)) {
            let name = operation.operation_id.as_deref().unwrap_or_default();
            anyhow::bail!(
                "{name} takes a {missing}, which no module has: add `.service(…)` to the module that builds it, or \
                 `.provides::<dyn …>(…)` if it is the client of an interface"
            );
        }
    }
    Ok(())
}

/// Refuses a reference to a schema that is missing. Parameters do not bring their schemas along.
fn check_references(value: &Value, schemas: &Value) -> anyhow::Result<()> {
    if let Some(name) = value["$ref"].as_str().and_then(|path| path.strip_prefix("#/components/schemas/")) {
        anyhow::ensure!(
            schemas.get(name).is_some(),
            "the document refers to a schema {name} that it does not have: a parameter of this type needs \
             `#[param(inline)]`"
        );
    }
    match value {
        Value::Array(items) => items.iter().try_for_each(|item| check_references(item, schemas)),
        Value::Object(fields) => fields.values().try_for_each(|field| check_references(field, schemas)),
        _ => Ok(()),
    }
}

/// All operations of the document, with their names.
fn operations_in(json: &mut Value) -> impl Iterator<Item = &mut Value> {
    let paths = json["paths"].as_object_mut().into_iter().flat_map(|paths| paths.values_mut());
    paths.filter_map(Value::as_object_mut).flat_map(|item| item.values_mut()).filter(|part| part.is_object())
}

/// Shows the example of each operation: its body beside the body's schema, and each id as a link from the list that
/// gives such ids. Tools follow these links.
fn show_examples(json: &mut Value) -> anyhow::Result<()> {
    let (mut links, mut faults) = (Vec::new(), Vec::new());
    for operation in operations_in(json) {
        let name = operation["operationId"].as_str().unwrap_or_default().to_owned();
        let example = operation[EXAMPLE].clone();
        for (parameter, list) in example["ids"].as_object().into_iter().flatten() {
            links.push((list.as_str().unwrap_or_default().to_owned(), name.clone(), parameter.clone()));
        }
        // Not by index, which would insert an empty body where there is none.
        let content = operation.pointer_mut("/requestBody/content").and_then(Value::as_object_mut);
        let Some(content) = content else { continue };
        match example.get("body") {
            Some(body) => content.values_mut().for_each(|content| content["example"] = body.clone()),
            None => faults.push(format!(
                "{name} takes a body and has no example: add `example(body = {{…}})` to its #[endpoint]"
            )),
        }
    }
    for (list, operation, parameter) in links {
        let mut lists = operations_in(json).filter(|candidate| candidate["operationId"] == *list);
        let Some(found) = lists.next().and_then(|list| list["responses"].get_mut("200")) else {
            faults.push(format!(
                "the example of {operation} takes {parameter} from {list}, which is not an operation that returns a list"
            ));
            continue;
        };
        let from = "$response.body#/items/0/id";
        found["links"][&operation] = json!({"operationId": operation, "parameters": {parameter: from}});
    }
    anyhow::ensure!(faults.is_empty(), "{}", faults.join("; "));
    Ok(())
}

/// Says of the data of each stream's events that it is a text with JSON in it, as it is sent: their types in Rust give the
/// JSON its own schema. The keywords are those of JSON Schema 2020-12.
fn show_events(json: &mut Value) {
    const STREAM: &str = "/content/text~1event-stream/schema/$ref";
    let responses = operations_in(json).filter_map(|operation| operation["responses"].as_object());
    let streams = responses.flat_map(|responses| responses.values()).filter_map(|one| one.pointer(STREAM));
    let names: BTreeSet<String> =
        streams.filter_map(Value::as_str).map(|path| path.replace('#', "")).collect();
    for name in names {
        let Some(schema) = json.pointer_mut(&name) else { continue };
        let events: &mut [Value] = match schema {
            Value::Object(fields) if fields.contains_key("oneOf") => {
                fields["oneOf"].as_array_mut().map(Vec::as_mut_slice).unwrap_or_default()
            }
            one => std::slice::from_mut(one),
        };
        // Where it is a text already (`EventShape`), nothing says what is in it.
        let data = events.iter_mut().filter_map(|event| event.pointer_mut("/properties/data"));
        for data in data.filter(|data| data["type"] != "string") {
            *data = json!({"type": "string", "contentMediaType": "application/json", "contentSchema": data.take()});
        }
    }
}

/// Inlines the schemas whose names say nothing.
fn show_inline(json: &mut Value) {
    let Some(schemas) = json["components"]["schemas"].as_object_mut() else { return };
    let names: Vec<String> = schemas.keys().filter(|name| name.starts_with(INLINE)).cloned().collect();
    let inline = names.iter().filter_map(|name| schemas.remove_entry(name)).collect();
    replace(json, &inline);
}

fn replace(value: &mut Value, inline: &Map<String, Value>) {
    let name = value["$ref"].as_str().and_then(|path| path.rsplit('/').next());
    if let Some(schema) = name.and_then(|name| inline.get(name)) {
        // One inside another, such as a list of texts.
        *value = schema.clone();
    }
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, inline)),
        Value::Object(fields) => fields.values_mut().for_each(|field| replace(field, inline)),
        _ => {}
    }
}

/// The names of the query parameters of each operation that has some.
pub(super) fn query_names(document: &OpenApi) -> QueryNames {
    let mut names = QueryNames::default();
    for (path, item) in &document.paths.paths {
        for (method, operation) in methods_of(item) {
            let parameters = operation.parameters.iter().flatten();
            let of_query: BTreeSet<String> = parameters
                .filter_map(|parameter| match parameter {
                    RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Query => {
                        Some(parameter.name.clone())
                    }
                    _ => None,
                })
                .collect();
            if !of_query.is_empty() {
                names.0.insert((method, path.clone()), of_query);
            }
        }
    }
    names
}

/// The class that each operation declares, and these pages, which are critical.
pub(super) fn route_classes(document: &OpenApi, critical: Vec<CriticalPages>) -> RouteClasses {
    let mut classes = RouteClasses::new(critical);
    for (path, item) in &document.paths.paths {
        for (method, operation) in methods_of(item) {
            let declared = operation.extensions.as_ref().and_then(|found| found.get(PRIORITY)?.as_str());
            let class = RequestClass::ALL.into_iter().find(|class| Some(class.name()) == declared);
            classes.add(method, path, class.unwrap_or(RequestClass::Normal));
        }
    }
    classes
}

/// The operations of a path.
pub(super) fn operations_of(item: &PathItem) -> impl Iterator<Item = &Operation> {
    methods_of(item).map(|(_, operation)| operation)
}

fn methods_of(item: &PathItem) -> impl Iterator<Item = (Method, &Operation)> {
    let slots = [
        (Method::GET, &item.get),
        (Method::PUT, &item.put),
        (Method::POST, &item.post),
        (Method::DELETE, &item.delete),
        (Method::HEAD, &item.head),
        (Method::PATCH, &item.patch),
    ];
    slots.into_iter().filter_map(|(method, operation)| Some((method, operation.as_ref()?)))
}

/// Fixes what the generator writes and the specification (or a reader of it) rejects: a response without a
/// description, and a described inline schema that is made both a string and an object.
fn mend(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(mend),
        Value::Object(fields) => {
            if let Some(Value::Object(responses)) = fields.get_mut("responses") {
                responses.iter_mut().for_each(|(status, response)| describe(status, response));
            }
            if let Some(merged) = fields.get("allOf").and_then(Value::as_array).and_then(|parts| merge(parts))
            {
                *fields = merged;
            }
            fields.values_mut().for_each(mend);
        }
        _ => {}
    }
}

fn describe(status: &str, response: &mut Value) {
    let reason = status.parse().ok().and_then(|status| StatusCode::from_u16(status).ok());
    let reason = reason.and_then(|status| status.canonical_reason()).unwrap_or("Answer");
    if let Value::Object(fields) = response {
        fields.entry("description").or_insert_with(|| Value::from(reason));
    }
}

/// `[schema, {type: object, description}]` as the schema with that description.
fn merge(parts: &[Value]) -> Option<Map<String, Value>> {
    let [Value::Object(schema), Value::Object(note)] = parts else { return None };
    let description = note.get("description").filter(|_| note.len() == 2)?;
    let mut schema = schema.clone();
    schema.insert("description".to_owned(), description.clone());
    Some(schema)
}
