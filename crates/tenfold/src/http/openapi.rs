//! Finishes the OpenAPI document: what is true of every operation is said once, here.

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Map, Value};
use utoipa::ToSchema as _;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, Content, InfoBuilder, OpenApi, PathItem, Ref, RefOr, Response, ResponseBuilder,
};

use super::Problem;

/// The name of the security scheme; operations that need a session say `security(("session" = []))`.
const SESSION: &str = "session";

pub(super) fn finish(mut document: OpenApi, title: &str, version: &str) -> Bytes {
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
    for item in document.paths.paths.values_mut() {
        operations(item).for_each(add_problems);
    }
    let mut json = serde_json::to_value(&document).unwrap_or_default();
    mend(&mut json);
    Bytes::from(json.to_string())
}

/// Mends what the generator writes and the specification (or a reader of it) does not take: a response without
/// a description, and a described inline schema that is made both a string and an object.
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

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let slots = [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.delete,
        &mut item.options,
        &mut item.head,
        &mut item.patch,
        &mut item.trace,
    ];
    slots.into_iter().flatten()
}

/// Every answer that is not listed is a problem; those of authentication are listed where they can happen.
fn add_problems(operation: &mut Operation) {
    let needs_session = operation.security.as_ref().is_some_and(|security| !security.is_empty());
    if needs_session {
        problem(operation, "401", "Nobody is signed in, or the session has ended.");
        problem(operation, "403", "The permission is missing.");
    }
    problem(operation, "default", "What went wrong, and what is allowed.");
}

fn problem(operation: &mut Operation, status: &str, description: &str) {
    operation.responses.responses.entry(status.to_owned()).or_insert_with(|| {
        let schema = RefOr::Ref(Ref::from_schema_name(Problem::name()));
        let response: Response = ResponseBuilder::new()
            .description(description)
            .content("application/problem+json", Content::new(Some(schema)))
            .build();
        RefOr::T(response)
    });
}
