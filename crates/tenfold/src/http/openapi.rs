//! Finishes the OpenAPI document: what is true of every operation is said once, here.

use bytes::Bytes;
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
    components.add_security_scheme(SESSION, SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build()));
    document.components = Some(components);
    for item in document.paths.paths.values_mut() {
        operations(item).for_each(add_problems);
    }
    Bytes::from(document.to_json().unwrap_or_default())
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
