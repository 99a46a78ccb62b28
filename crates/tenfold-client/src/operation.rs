//! What one operation takes and answers.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::document::{OpenApiDocument, Raw, SessionUse, object};
use crate::error::ClientError;
use crate::names::camel;
use crate::types::Types;

/// An operation, ready to be written.
pub(crate) struct Operation<'a> {
    /// Its name in the document, which the API keeps.
    pub(crate) name: String,
    pub(crate) path: &'a str,
    pub(crate) method: String,
    pub(crate) docs: String,
    pub(crate) parameters: Vec<Parameter<'a>>,
    pub(crate) body: Option<RequestBody<'a>>,
    pub(crate) answer: SuccessAnswer<'a>,
    /// The documented statuses of problems, in order.
    pub(crate) problems: BTreeSet<u16>,
    pub(crate) session: Option<SessionUse>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Location {
    Path,
    Query,
    Header,
}

pub(crate) struct Parameter<'a> {
    /// Its name in the arguments.
    pub(crate) argument: String,
    /// Its name in the request.
    pub(crate) name: &'a str,
    pub(crate) location: Location,
    pub(crate) required: bool,
    pub(crate) schema: &'a Value,
    pub(crate) docs: &'a Value,
    /// A list that is sent as one text, its values joined by commas.
    pub(crate) joined: bool,
}

pub(crate) struct RequestBody<'a> {
    pub(crate) kind: BodyKind<'a>,
    pub(crate) content_type: &'a str,
    pub(crate) required: bool,
    pub(crate) docs: &'a Value,
}

pub(crate) enum BodyKind<'a> {
    Json(&'a Value),
    /// A form: fetch writes it, with its content type.
    Form(&'static str),
    Bytes,
}

/// What a success answers.
pub(crate) enum SuccessAnswer<'a> {
    Nothing,
    /// JSON of any of these schemas, or nothing.
    Json {
        schemas: Vec<&'a Value>,
        maybe_nothing: bool,
    },
    /// A page of a list, with the schema of its items.
    Page {
        page: &'a Value,
        item: &'a Value,
    },
    Text {
        accept: &'a str,
    },
    /// Anything else: the caller reads the response.
    Response {
        accept: &'a str,
    },
    /// A stream: `None` where the document does not say what the events carry.
    Events {
        schema: Option<&'a Value>,
    },
}

impl<'a> Operation<'a> {
    /// What an error calls it.
    pub(crate) fn place(&self) -> String {
        place(&self.method, self.path, &self.name)
    }

    pub(crate) fn read(
        document: &OpenApiDocument<'a>,
        types: &Types<'a>,
        raw: &Raw<'a>,
    ) -> Result<Self, ClientError> {
        let Raw { path, method, operation, .. } = *raw;
        let name =
            operation["operationId"].as_str().map_or_else(|| format!("{method}_{path}"), str::to_owned);
        let place = place(&method.to_uppercase(), path, &name);
        let read = || -> Result<Self, ClientError> {
            let parameters = parameters(document, types, raw)?;
            let mut answer = answer(document, raw)?;
            let has_cursor =
                parameters.iter().any(|one| one.location == Location::Query && one.name == "cursor");
            if method == "get" && has_cursor {
                answer = as_page(document, answer);
            }
            Ok(Operation {
                path,
                method: method.to_uppercase(),
                docs: docs(raw),
                parameters,
                body: body(document, operation)?,
                answer,
                problems: problems(document, operation)?,
                session: document.session(operation),
                name: name.clone(),
            })
        };
        read().map_err(|error| error.at(&place))
    }
}

fn place(method: &str, path: &str, name: &str) -> String {
    format!("{method} {path} ({name})")
}

fn docs(raw: &Raw<'_>) -> String {
    let text = |field| raw.operation[field].as_str().filter(|text: &&str| !text.is_empty());
    let permission =
        text("x-permission").map_or_else(String::new, |name| format!(", with the permission `{name}`"));
    let route = format!("`{} {}`{permission}", raw.method.to_uppercase(), raw.path);
    let deprecated = (raw.operation["deprecated"] == true).then_some("@deprecated");
    let parts = [text("summary"), text("description"), Some(route.as_str()), deprecated];
    parts.into_iter().flatten().collect::<Vec<_>>().join("\n\n")
}

/// Those of the operation and of its path, in the order path, query, header; the operation's own win.
fn parameters<'a>(
    document: &OpenApiDocument<'a>,
    types: &Types<'a>,
    raw: &Raw<'a>,
) -> Result<Vec<Parameter<'a>>, ClientError> {
    let own = raw.operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut found: Vec<Parameter<'a>> = Vec::new();
    for part in own.iter().chain(raw.shared) {
        let part = document.part(part)?;
        let name = part["name"].as_str().unwrap_or_default();
        let place = format!("parameter `{name}`");
        let parameter = parameter(types, part, name).map_err(|error| error.at(&place))?;
        if !found.iter().any(|other| other.name == name && other.location == parameter.location) {
            found.push(parameter);
        }
    }
    let is_stream_position = |one: &Parameter<'_>| one.name.eq_ignore_ascii_case("last-event-id");
    found.retain(|one| !(one.location == Location::Header && is_stream_position(one)));
    found.sort_by_key(|one| one.location as u8);
    for part in raw.path.split('{').skip(1) {
        let name = part.split('}').next().unwrap_or_default();
        if !found.iter().any(|one| one.location == Location::Path && one.name == name) {
            return Err(ClientError::new(format!("its path has {{{name}}}, which is no parameter")));
        }
    }
    name_arguments(&mut found)?;
    Ok(found)
}

fn parameter<'a>(types: &Types<'a>, part: &'a Value, name: &'a str) -> Result<Parameter<'a>, ClientError> {
    let location = match part["in"].as_str() {
        Some("path") => Location::Path,
        Some("query") => Location::Query,
        Some("header") => Location::Header,
        other => {
            return Err(ClientError::new(format!(
                "it is in a {}, which fetch does not set",
                other.unwrap_or("?")
            )));
        }
    };
    let Some(schema) = part.get("schema") else {
        return Err(ClientError::new("it has no schema, or one for a kind of content"));
    };
    let is_list = location == Location::Query && types.is_list(schema);
    if !types.is_scalar(schema) && !is_list {
        return Err(ClientError::new(
            "the client sends only texts, numbers and booleans there, and lists in a query",
        ));
    }
    let style = part["style"].as_str();
    let is_usual = match location {
        Location::Query => style.is_none_or(|style| style == "form"),
        Location::Path | Location::Header => style.is_none_or(|style| style == "simple"),
    };
    if !is_usual {
        return Err(ClientError::new(format!(
            "the client cannot write the style {}",
            style.unwrap_or_default()
        )));
    }
    let required = part["required"] == true || location == Location::Path;
    let joined = is_list && part["explode"] == false;
    Ok(Parameter { argument: String::new(), name, location, required, schema, docs: part, joined })
}

/// Headers are written `ifMatch`, all others as in the request; one that is there twice gets its place in front.
fn name_arguments(parameters: &mut [Parameter<'_>]) -> Result<(), ClientError> {
    let mut taken: BTreeSet<String> = BTreeSet::from(["body".to_owned()]);
    for parameter in parameters {
        let is_plain = parameter.name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
        let name = match parameter.location {
            Location::Path | Location::Query if is_plain => parameter.name.to_owned(),
            _ => camel(parameter.name),
        };
        let place = match parameter.location {
            Location::Path => "path",
            Location::Query => "query",
            Location::Header => "header",
        };
        let longer = camel(&format!("{place}_{name}"));
        let Some(free) = [name, longer].into_iter().find(|name| !taken.contains(name)) else {
            return Err(ClientError::new(format!("two parameters are called {}", parameter.name)));
        };
        taken.insert(free.clone());
        parameter.argument = free;
    }
    Ok(())
}

fn body<'a>(
    document: &OpenApiDocument<'a>,
    operation: &'a Value,
) -> Result<Option<RequestBody<'a>>, ClientError> {
    let Some(part) = operation.get("requestBody") else { return Ok(None) };
    let part = document.part(part)?;
    let content = object(&part["content"]);
    let json = content.iter().find(|(kind, _)| is_json(kind));
    let Some((content_type, media)) = json.or_else(|| content.iter().next()) else { return Ok(None) };
    let essence = essence(content_type);
    let kind = match essence.as_str() {
        _ if is_json(content_type) => {
            BodyKind::Json(schema_of(media).ok_or_else(|| ClientError::new("its body has no schema"))?)
        }
        "multipart/form-data" => BodyKind::Form("FormData"),
        "application/x-www-form-urlencoded" => BodyKind::Form("URLSearchParams"),
        _ => BodyKind::Bytes,
    };
    Ok(Some(RequestBody { kind, content_type, required: part["required"] == true, docs: part }))
}

fn answer<'a>(document: &OpenApiDocument<'a>, raw: &Raw<'a>) -> Result<SuccessAnswer<'a>, ClientError> {
    let (mut found, mut nothing, mut any): (Option<SuccessAnswer<'a>>, _, _) = (None, false, false);
    for (status, response) in object(&raw.operation["responses"]) {
        if !(status.starts_with('2') || status == "304") {
            continue;
        }
        any = true;
        let content = object(&document.part(response)?["content"]);
        let json = content.iter().find(|(kind, _)| is_json(kind));
        let Some((kind, media)) = json.or_else(|| content.iter().next()) else {
            nothing = true;
            continue;
        };
        let next = one_answer(document, kind, media)?;
        found = Some(match (found, next) {
            (None, next) => next,
            (Some(SuccessAnswer::Json { mut schemas, .. }), SuccessAnswer::Json { schemas: others, .. }) => {
                schemas.extend(others);
                SuccessAnswer::Json { schemas, maybe_nothing: false }
            }
            (Some(SuccessAnswer::Response { accept }), SuccessAnswer::Response { .. }) => {
                SuccessAnswer::Response { accept }
            }
            (Some(SuccessAnswer::Text { accept }), SuccessAnswer::Text { .. }) => {
                SuccessAnswer::Text { accept }
            }
            _ => return Err(ClientError::new("its successes answer different kinds of content")),
        });
    }
    if !any {
        return Err(ClientError::new("the document says of no success what it answers"));
    }
    if raw.method == "head" {
        return Ok(SuccessAnswer::Response { accept: "*/*" });
    }
    Ok(match found {
        None => SuccessAnswer::Nothing,
        Some(SuccessAnswer::Json { schemas, .. }) => SuccessAnswer::Json { schemas, maybe_nothing: nothing },
        Some(other) => other,
    })
}

fn one_answer<'a>(
    document: &OpenApiDocument<'a>,
    kind: &'a str,
    media: &'a Value,
) -> Result<SuccessAnswer<'a>, ClientError> {
    let schema = schema_of(media);
    Ok(match essence(kind).as_str() {
        _ if is_json(kind) => {
            let schema = schema.ok_or_else(|| ClientError::new("its answer has no schema"))?;
            SuccessAnswer::Json { schemas: vec![schema], maybe_nothing: false }
        }
        "text/event-stream" => SuccessAnswer::Events { schema: events(document, schema)? },
        text if text.starts_with("text/") => SuccessAnswer::Text { accept: kind },
        _ => SuccessAnswer::Response { accept: kind },
    })
}

/// The schema of a stream's events, if it says what their data is: objects with `event` and `data`.
fn events<'a>(
    document: &OpenApiDocument<'a>,
    schema: Option<&'a Value>,
) -> Result<Option<&'a Value>, ClientError> {
    let Some(schema) = schema else { return Ok(None) };
    let followed = document.followed(schema)?;
    let choices = followed["oneOf"].as_array().or_else(|| followed["anyOf"].as_array());
    let is_event =
        |one: &'a Value| ["event", "data"].iter().all(|name| document.required(one, name).is_some());
    if choices.map_or_else(|| is_event(followed), |choices| choices.iter().all(is_event)) {
        // Data that is a text, and nothing says what is in it.
        let is_text = document
            .property(followed, "data")
            .is_some_and(|data| data["type"] == "string" && data.get("contentSchema").is_none());
        return Ok((!is_text).then_some(schema));
    }
    Err(ClientError::new("the events of its stream must be objects that have `event` and `data`"))
}

/// A list of pages, if the answer has `items` and `next_cursor`.
fn as_page<'a>(document: &OpenApiDocument<'a>, answer: SuccessAnswer<'a>) -> SuccessAnswer<'a> {
    let SuccessAnswer::Json { schemas, maybe_nothing: false } = &answer else { return answer };
    let [page] = schemas.as_slice() else { return answer };
    let item = document.required(page, "items").and_then(|items| items.get("items"));
    let cursor = document.property(page, "next_cursor").and_then(|cursor| document.followed(cursor).ok());
    let is_text = |cursor: &Value| match &cursor["type"] {
        Value::Array(names) => names.iter().all(|name| name == "string" || name == "null"),
        name => name == "string",
    };
    match item {
        Some(item) if cursor.is_some_and(is_text) => SuccessAnswer::Page { page, item },
        _ => answer,
    }
}

fn problems(document: &OpenApiDocument<'_>, operation: &Value) -> Result<BTreeSet<u16>, ClientError> {
    let mut statuses = BTreeSet::new();
    for (status, response) in object(&operation["responses"]) {
        if !(status.starts_with(['4', '5']) || status == "default") {
            continue;
        }
        let content = &document.part(response)?["content"];
        if content.as_object().is_some_and(|kinds| !kinds.is_empty()) {
            let schema = &content["application/problem+json"]["schema"];
            if schema["$ref"] != PROBLEM {
                let why =
                    format!("its answer {status} must be {PROBLEM} as application/problem+json (RFC 9457)");
                return Err(ClientError::new(why));
            }
        }
        statuses.extend(status.parse::<u16>());
    }
    Ok(statuses)
}

/// The schema of every problem.
pub(crate) const PROBLEM: &str = "#/components/schemas/Problem";

fn schema_of(media: &Value) -> Option<&Value> {
    media.get("schema")
}

fn is_json(kind: &str) -> bool {
    let essence = essence(kind);
    essence == "application/json" || essence.starts_with("application/") && essence.ends_with("+json")
}

/// A content type without its parameters.
fn essence(kind: &str) -> String {
    kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
