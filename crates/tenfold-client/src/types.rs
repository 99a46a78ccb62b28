//! Schemas as types of TypeScript.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::document::{OpenApiDocument, object};
use crate::error::ClientError;
use crate::names::{Names, comment, key, literal, pascal};

/// Keywords that change what a value may be, and that no type expresses.
const UNSUPPORTED: &[&str] = &[
    "$dynamicRef",
    "$recursiveRef",
    "dependentSchemas",
    "else",
    "if",
    "not",
    "nullable",
    "patternProperties",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
];

/// The types of a document: those that were asked for are declared, with those that they need.
pub(crate) struct Types<'a> {
    document: &'a OpenApiDocument<'a>,
    given: Names,
    names: BTreeMap<&'a str, String>,
    wanted: BTreeSet<&'a str>,
}

impl<'a> Types<'a> {
    pub(crate) fn new(document: &'a OpenApiDocument<'a>) -> Self {
        let mut given = Names::of_types();
        let names = document.schemas().into_keys().map(|name| (name, given.give(&pascal(name)))).collect();
        Types { document, given, names, wanted: BTreeSet::new() }
    }

    /// A name for a type that the document does not have.
    pub(crate) fn own(&mut self, name: &str) -> String {
        self.given.give(name)
    }

    /// Asks for the declaration of a schema.
    pub(crate) fn want(&mut self, reference: &str) -> Result<(), ClientError> {
        self.wanted.insert(self.document.schema(reference)?.0);
        Ok(())
    }

    /// The type of a schema. `indent` stands before the lines of an object's fields.
    ///
    /// # Errors
    /// Names what no type expresses.
    pub(crate) fn text(&mut self, schema: &'a Value, indent: &str) -> Result<String, ClientError> {
        let fields = match schema {
            Value::Bool(true) => return Ok("unknown".to_owned()),
            Value::Object(fields) => fields,
            _ => return Err(ClientError::new("its schema allows nothing")),
        };
        if let Some(keyword) = UNSUPPORTED.iter().find(|keyword| fields.contains_key(**keyword)) {
            return Err(ClientError::new(format!(
                "the client cannot express the keyword {keyword} of its schema"
            )));
        }
        let mut parts = Vec::new();
        if let Some(reference) = schema["$ref"].as_str() {
            let (name, _) = self.document.schema(reference)?;
            self.wanted.insert(name);
            parts.push(self.names[name].clone());
        }
        for part in schema["allOf"].as_array().into_iter().flatten() {
            parts.push(self.text(part, indent)?);
        }
        for choice in ["oneOf", "anyOf"] {
            if let Some(choices) = schema[choice].as_array() {
                let choices = choices.iter().map(|one| self.text(one, indent)).collect::<Result<_, _>>()?;
                parts.push(union(choices));
            }
        }
        parts.extend(self.own_type(schema, indent)?);
        Ok(intersection(parts))
    }

    /// What a schema says by itself, beside its references and choices.
    fn own_type(&mut self, schema: &'a Value, indent: &str) -> Result<Option<String>, ClientError> {
        if let Some(value) = schema.get("const") {
            return scalar(value).map(Some);
        }
        if let Some(values) = schema["enum"].as_array() {
            return Ok(Some(union(values.iter().map(scalar).collect::<Result<_, _>>()?)));
        }
        match &schema["type"] {
            Value::String(name) => self.of_type(name, schema, indent).map(Some),
            Value::Array(names) => {
                let names = names.iter().map(|name| name.as_str().unwrap_or_default());
                let texts: Result<_, _> = names.map(|name| self.of_type(name, schema, indent)).collect();
                Ok(Some(union(texts?)))
            }
            _ if schema.get("properties").is_some() || schema.get("additionalProperties").is_some() => {
                self.fields(schema, indent).map(Some)
            }
            _ if schema.get("items").is_some() => self.list(schema, indent).map(Some),
            _ => Ok(None),
        }
    }

    fn of_type(&mut self, name: &str, schema: &'a Value, indent: &str) -> Result<String, ClientError> {
        match name {
            "string" => Ok("string".to_owned()),
            "integer" | "number" => Ok("number".to_owned()),
            "boolean" => Ok("boolean".to_owned()),
            "null" => Ok("null".to_owned()),
            "array" => self.list(schema, indent),
            "object" => self.fields(schema, indent),
            other => {
                Err(ClientError::new(format!("its schema has the type {other}, which JSON Schema does not")))
            }
        }
    }

    fn list(&mut self, schema: &'a Value, indent: &str) -> Result<String, ClientError> {
        if let Some(places) = schema["prefixItems"].as_array() {
            let mut places: Vec<_> =
                places.iter().map(|place| self.text(place, indent)).collect::<Result<_, _>>()?;
            match schema.get("items") {
                Some(Value::Bool(false)) => {}
                Some(rest) => places.push(format!("...{}", in_list(&self.text(rest, indent)?))),
                None => places.push("...unknown[]".to_owned()),
            }
            return Ok(format!("[{}]", places.join(", ")));
        }
        match schema.get("items") {
            Some(items) => Ok(in_list(&self.text(items, indent)?)),
            None => Ok("unknown[]".to_owned()),
        }
    }

    /// An object with its fields, and what others it may have.
    fn fields(&mut self, schema: &'a Value, indent: &str) -> Result<String, ClientError> {
        let properties = object(&schema["properties"]);
        let inner = format!("{indent}  ");
        let required = |name: &str| {
            schema["required"].as_array().is_some_and(|names| names.iter().any(|one| one == name))
        };
        let (mut text, mut types) = ("{\n".to_owned(), Vec::new());
        let is_event = required("event") && required("data");
        for (name, field) in &properties {
            // The client reads the JSON in an event's data; in any other field a text stays a text.
            let field = match field.get("contentSchema") {
                Some(content) if is_event && *name == "data" => content,
                _ => *field,
            };
            let ty = self.text(field, &inner).map_err(|error| error.at(&format!("field `{name}`")))?;
            text += &docs(field, &inner);
            text += &match required(name) {
                true => format!("{inner}{}: {ty};\n", key(name)),
                false => format!("{inner}{}?: {};\n", key(name), with_undefined(&ty)),
            };
            types.push(ty);
        }
        let others = match schema.get("additionalProperties") {
            None if properties.is_empty() => Some("unknown".to_owned()),
            None => None,
            Some(Value::Bool(false)) => properties.is_empty().then(|| "never".to_owned()),
            Some(others) => Some(self.text(others, &inner)?),
        };
        if let Some(others) = others {
            // What is read by any name may be one of the named fields, or not there.
            let all = match properties.is_empty() || others == "unknown" {
                true => others,
                false => union(types.into_iter().chain([others, "undefined".to_owned()]).collect()),
            };
            if properties.is_empty() {
                return Ok(format!("{{ [key: string]: {all} }}"));
            }
            text += &format!("{inner}[key: string]: {all};\n");
        }
        Ok(format!("{text}{indent}}}"))
    }

    /// The declarations of all types that were asked for, with those that they need, in the order of their names.
    pub(crate) fn declarations(&mut self) -> Result<String, ClientError> {
        let mut written: BTreeMap<&str, String> = BTreeMap::new();
        while let Some(name) = self.wanted.iter().copied().find(|name| !written.contains_key(name)) {
            let declaration = self.declaration(name).map_err(|error| error.at(&format!("schema {name}")))?;
            written.insert(name, declaration);
        }
        Ok(written.into_values().collect::<Vec<_>>().join("\n"))
    }

    fn declaration(&mut self, name: &'a str) -> Result<String, ClientError> {
        let schema = self.document.schemas()[name];
        let own = self.names[name].clone();
        let docs = docs(schema, "");
        if schema["type"] == "string" && schema["format"] == "uuid" {
            return Ok(format!("{docs}export type {own} = Id<{}>;\n", literal(&own)));
        }
        let text = self.text(schema, "")?;
        // An interface is shown by its name in messages, and may refer to itself.
        let is_interface =
            text.starts_with("{\n") && text.ends_with("\n}") && text.matches("\n}").count() == 1;
        Ok(match is_interface {
            true => format!("{docs}export interface {own} {text}\n"),
            false => format!("{docs}export type {own} = {text};\n"),
        })
    }

    /// Whether any declared type is an id.
    pub(crate) fn has_ids(&self) -> bool {
        let schemas = self.document.schemas();
        self.wanted.iter().any(|name| schemas[name]["type"] == "string" && schemas[name]["format"] == "uuid")
    }

    /// Whether a value is a text, a number, a boolean or null: what an address or a header can carry.
    pub(crate) fn is_scalar(&self, schema: &'a Value) -> bool {
        let Ok(schema) = self.document.followed(schema) else { return false };
        let all = |choices: &'a Value| {
            choices.as_array().is_some_and(|all| all.iter().all(|one| self.is_scalar(one)))
        };
        let is_plain =
            |name: &Value| ["string", "integer", "number", "boolean", "null"].iter().any(|one| name == one);
        match &schema["type"] {
            Value::Array(names) => names.iter().all(is_plain),
            Value::String(_) => is_plain(&schema["type"]),
            _ => {
                schema.get("enum").or_else(|| schema.get("const")).is_some()
                    || all(&schema["oneOf"])
                    || all(&schema["anyOf"])
                    || all(&schema["allOf"])
            }
        }
    }

    /// Whether a value is a list of such, or null.
    pub(crate) fn is_list(&self, schema: &'a Value) -> bool {
        let Ok(schema) = self.document.followed(schema) else { return false };
        let is_list = match &schema["type"] {
            Value::Array(names) => names.iter().all(|name| name == "array" || name == "null"),
            name => name == "array",
        };
        is_list && schema.get("items").is_some_and(|items| self.is_scalar(items))
    }
}

/// What the document says of a schema, as a comment.
pub(crate) fn docs(schema: &Value, indent: &str) -> String {
    let mut text =
        schema["description"].as_str().or_else(|| schema["title"].as_str()).unwrap_or_default().to_owned();
    if schema["deprecated"] == true {
        text = format!("{text}\n@deprecated");
    }
    comment(&text, indent)
}

fn scalar(value: &Value) -> Result<String, ClientError> {
    match value {
        Value::Array(_) | Value::Object(_) => {
            Err(ClientError::new(format!("the client cannot express the constant {value} of its schema")))
        }
        scalar => Ok(scalar.to_string()),
    }
}

/// `A | B`, each once.
pub(crate) fn union(texts: Vec<String>) -> String {
    let mut kept: Vec<String> = Vec::new();
    for text in texts {
        if text == "unknown" {
            return text;
        }
        for one in split(&text) {
            if !kept.contains(&one) {
                kept.push(one);
            }
        }
    }
    kept.join(" | ")
}

/// The members of a union, if the text is one of plain names and constants; otherwise the text.
fn split(text: &str) -> Vec<String> {
    let is_plain = !text.contains(['{', '(', '[', '"', '<', '&']);
    if is_plain { text.split(" | ").map(str::to_owned).collect() } else { vec![text.to_owned()] }
}

fn intersection(parts: Vec<String>) -> String {
    let parts: Vec<String> = parts.into_iter().filter(|part| part != "unknown").collect();
    match parts.as_slice() {
        [] => "unknown".to_owned(),
        [one] => one.clone(),
        parts => parts.iter().map(|part| grouped(part)).collect::<Vec<_>>().join(" & "),
    }
}

fn in_list(item: &str) -> String {
    format!("{}[]", grouped(item))
}

/// In parentheses, unless it is one name or one object.
fn grouped(ty: &str) -> String {
    if !ty.contains(' ') || is_one_object(ty) { ty.to_owned() } else { format!("({ty})") }
}

/// Whether the text is one object, whose last brace closes the first. Names of fields and comments may have braces, so
/// only an object of several lines is known as one, by the indentation of its last line.
fn is_one_object(ty: &str) -> bool {
    let last = ty.rsplit('\n').next().unwrap_or_default();
    let indent = last.trim_end_matches('}');
    let closes = format!("\n{indent}}}");
    ty.starts_with("{\n") && last.trim() == "}" && ty.matches(&closes).count() == 1
}

pub(crate) fn with_undefined(ty: &str) -> String {
    if ty == "unknown" { ty.to_owned() } else { format!("{ty} | undefined") }
}
