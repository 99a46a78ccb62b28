//! The OpenAPI document: its parts, with references followed.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::error::ClientError;

/// Where schemas with a name are.
const SCHEMAS: &str = "#/components/schemas/";
/// The most references that may follow one another.
const DEEPEST: usize = 32;

/// A document of OpenAPI 3.1.
pub(crate) struct OpenApiDocument<'a>(&'a Value);

impl<'a> OpenApiDocument<'a> {
    /// # Errors
    /// When it is no OpenAPI 3.1: an older one says differently what may be null.
    pub(crate) fn new(root: &'a Value) -> Result<Self, ClientError> {
        let version = root["openapi"].as_str().unwrap_or("no version");
        if version.starts_with("3.1.") {
            return Ok(OpenApiDocument(root));
        }
        Err(ClientError::new(format!("the document must be OpenAPI 3.1; this one says {version}")))
    }

    /// The application's name and version.
    pub(crate) fn title(&self) -> (&'a str, &'a str) {
        let text = |field| self.0["info"][field].as_str().unwrap_or_default();
        (text("title"), text("version"))
    }

    /// The schemas with a name, in the order of their names.
    pub(crate) fn schemas(&self) -> BTreeMap<&'a str, &'a Value> {
        object(&self.0["components"]["schemas"])
    }

    /// A schema by its reference.
    pub(crate) fn schema(&self, reference: &str) -> Result<(&'a str, &'a Value), ClientError> {
        let Some(name) = reference.strip_prefix(SCHEMAS) else {
            return Err(ClientError::new(format!("{reference} is no reference to {SCHEMAS}…")));
        };
        let name = name.replace("~1", "/").replace("~0", "~");
        let schemas = self.0["components"]["schemas"].as_object();
        let found = schemas.and_then(|schemas| schemas.get_key_value(&name));
        let found = found.ok_or_else(|| ClientError::new(format!("the document has no schema {name}")))?;
        Ok((found.0, found.1))
    }

    /// The schema itself, whatever references lead to it.
    pub(crate) fn followed(&self, mut schema: &'a Value) -> Result<&'a Value, ClientError> {
        for _ in 0..DEEPEST {
            let Some(reference) = schema["$ref"].as_str() else { return Ok(schema) };
            schema = self.schema(reference)?.1;
        }
        Err(ClientError::new("references lead in a circle"))
    }

    /// The schema of a property, also of one in an `allOf`.
    pub(crate) fn property(&self, schema: &'a Value, name: &str) -> Option<&'a Value> {
        self.parts(schema, DEEPEST).into_iter().find_map(|part| part["properties"].as_object()?.get(name))
    }

    /// The same of a property that is always there.
    pub(crate) fn required(&self, schema: &'a Value, name: &str) -> Option<&'a Value> {
        let names = |part: &'a Value| part["required"].as_array().into_iter().flatten();
        let is_required = self.parts(schema, DEEPEST).into_iter().flat_map(names).any(|one| one == name);
        self.property(schema, name).filter(|_| is_required)
    }

    /// A schema and those of its `allOf`, down to so many within each other.
    fn parts(&self, schema: &'a Value, depth: usize) -> Vec<&'a Value> {
        let Ok(schema) = self.followed(schema) else { return Vec::new() };
        let Some(deeper) = depth.checked_sub(1) else { return Vec::new() };
        let inner =
            schema["allOf"].as_array().into_iter().flatten().flat_map(|part| self.parts(part, deeper));
        std::iter::once(schema).chain(inner).collect()
    }

    /// A parameter, a body or a response, whatever references lead to it.
    pub(crate) fn part(&self, mut part: &'a Value) -> Result<&'a Value, ClientError> {
        for _ in 0..DEEPEST {
            let Some(reference) = part["$ref"].as_str() else { return Ok(part) };
            let found = reference.strip_prefix('#').and_then(|pointer| self.0.pointer(pointer));
            part = found.ok_or_else(|| ClientError::new(format!("the document has no {reference}")))?;
        }
        Err(ClientError::new("references lead in a circle"))
    }

    /// Path, method and operation, in the order of paths and methods, with the parameters of the whole path.
    pub(crate) fn operations(&self) -> Result<Vec<Raw<'a>>, ClientError> {
        let mut found = Vec::new();
        for (path, item) in object(&self.0["paths"]) {
            let item = self.part(item).map_err(|error| error.at(path))?;
            let shared = item["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
            for (method, operation) in object(item) {
                if METHODS.contains(&method) {
                    found.push(Raw { path, method, shared, operation });
                } else if method == "trace" {
                    return Err(ClientError::new("fetch cannot send TRACE").at(path));
                }
            }
        }
        if found.is_empty() {
            return Err(ClientError::new("the document has no operation"));
        }
        Ok(found)
    }

    /// Whether an operation takes a session, and whether it also works without one; `None`: it takes none.
    pub(crate) fn session(&self, operation: &Value) -> Option<SessionUse> {
        let requirements = operation.get("security").or_else(|| self.0.get("security"))?.as_array()?;
        let is_session = |name: &String| {
            let scheme = &self.0["components"]["securitySchemes"][name.as_str()];
            scheme["type"] == "http" && scheme["scheme"] == "bearer"
        };
        let names = |requirement: &Value| requirement.as_object().cloned().unwrap_or_default();
        let takes = requirements.iter().any(|requirement| names(requirement).keys().any(is_session));
        let is_optional = requirements.iter().any(|requirement| names(requirement).is_empty());
        takes.then_some(if is_optional { SessionUse::Optional } else { SessionUse::Needed })
    }
}

const METHODS: [&str; 7] = ["get", "put", "post", "delete", "options", "head", "patch"];

/// An operation as the document has it.
pub(crate) struct Raw<'a> {
    pub(crate) path: &'a str,
    pub(crate) method: &'a str,
    pub(crate) shared: &'a [Value],
    pub(crate) operation: &'a Value,
}

/// What an operation does with a session.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionUse {
    Needed,
    Optional,
}

/// The fields of an object in the order of their names, whatever order the parser kept.
pub(crate) fn object(value: &Value) -> BTreeMap<&str, &Value> {
    value.as_object().into_iter().flat_map(Map::iter).map(|(name, value)| (name.as_str(), value)).collect()
}
