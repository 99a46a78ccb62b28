//! Finds all faults of a refused body: serde stops at the first one, but a person at a form needs them all.
//!
//! Serde decides whether a body is accepted. Only a body that serde refused is checked against the schema of the
//! document, which is generated from the same types. So the happy path pays nothing.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::Value;
use tenfold_data::jiff::fmt::temporal::Pieces;
use tenfold_data::{Date, Timestamp};
use utoipa::ToSchema;

use super::validated::EmailAddress;

/// One fault of a request's body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct Fault {
    /// Where it is, as a JSON Pointer in a URI fragment (RFC 6901): `#/profile/display_name`.
    pub(super) pointer: String,
    /// What is wrong there, and what is allowed.
    pub(super) detail: String,
    /// It is text that a library reads, such as a time; what the library says of it is for programmers.
    #[serde(skip)]
    #[schema(ignore)]
    pub(super) is_of_format: bool,
}

impl Fault {
    /// A fault; it repeats only the beginning of what the client sent.
    pub(super) fn new(pointer: &str, detail: &str) -> Self {
        Fault { pointer: shortened(pointer), detail: shortened(detail), is_of_format: false }
    }
}

/// The most faults that are listed.
const MOST: usize = 20;

/// The faults of `value` as a `T`, in the order of the schema; 20 at most.
pub(super) fn faults<T: ToSchema>(value: &Value) -> Vec<Fault> {
    let mut named = Vec::new();
    T::schemas(&mut named);
    let json = |schema| serde_json::to_value(schema).unwrap_or_default();
    let components = named.into_iter().map(|(name, schema)| (name, json(schema))).collect();
    let mut search = FaultSearch { components, faults: Vec::new() };
    search.check(value, &json(T::schema()), "#");
    search.faults
}

struct FaultSearch {
    components: HashMap<String, Value>,
    faults: Vec<Fault>,
}

impl FaultSearch {
    fn note(&mut self, pointer: &str, detail: String) {
        if self.faults.len() < MOST {
            self.faults.push(Fault::new(pointer, &detail));
        }
    }

    fn check(&mut self, value: &Value, schema: &Value, at: &str) {
        if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
            if let Some(schema) = self.components.get(name).cloned() {
                self.check(value, &schema, at);
            }
            return;
        }
        for part in list(&schema["allOf"]).filter(|part| !is_note(part)) {
            self.check(value, part, at);
        }
        let choices: Vec<&Value> = list(&schema["oneOf"]).chain(list(&schema["anyOf"])).collect();
        if !choices.is_empty() {
            return self.check_choice(value, &choices, at);
        }
        if let Some(allowed) = schema["enum"].as_array() {
            if !allowed.contains(value) {
                self.note(at, format!("it must be one of {}", words(allowed.iter())));
            }
            return;
        }
        let types: Vec<&Value> = match &schema["type"] {
            Value::Array(types) => types.iter().collect(),
            Value::Null => return,
            one => vec![one],
        };
        if !types.iter().any(|wanted| is_of(value, wanted)) {
            return self.note(at, format!("it must be {}", words(types.into_iter())));
        }
        match value {
            Value::String(text) => self.check_text(text, schema, at),
            Value::Number(number) => self.check_number(number, schema, at),
            Value::Array(items) => self.check_items(items, schema, at),
            Value::Object(_) => self.check_fields(value, schema, at),
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// One of several schemas, often a schema and null.
    fn check_choice(&mut self, value: &Value, choices: &[&Value], at: &str) {
        let mut others = choices.iter().filter(|choice| choice["type"] != "null");
        if value.is_null() && others.clone().count() < choices.len() {
            return;
        }
        if let (Some(one), None) = (others.next(), others.next()) {
            return self.check(value, one, at);
        }
        let fits = choices.iter().any(|choice| {
            let mut search = FaultSearch { components: self.components.clone(), faults: Vec::new() };
            search.check(value, choice, at);
            search.faults.is_empty()
        });
        if !fits {
            self.note(at, "it matches none of the allowed forms".to_owned());
        }
    }

    fn check_text(&mut self, text: &str, schema: &Value, at: &str) {
        let length = text.chars().count() as u64;
        let (least, most) = (schema["minLength"].as_u64(), schema["maxLength"].as_u64());
        if length < least.unwrap_or(0) || length > most.unwrap_or(u64::MAX) {
            let allowed = range(least.unwrap_or(0), most);
            return self.note(at, format!("text of {length} characters: {allowed} are allowed"));
        }
        let wrong = match schema["format"].as_str() {
            Some("uuid") => uuid::Uuid::try_parse(text).is_err().then(|| "it is not a UUID".to_owned()),
            Some("date") => {
                text.parse::<Date>().is_err().then(|| "it is not a date, such as 2026-11-28".to_owned())
            }
            Some("date-time") => wrong_time(text),
            Some("email") if !text.contains('@') => return self.note(at, EmailAddress::ALLOWED.to_owned()),
            _ => None,
        };
        if let (Some(wrong), true) = (wrong, self.faults.len() < MOST) {
            self.faults.push(Fault { is_of_format: true, ..Fault::new(at, &wrong) });
        }
    }

    fn check_number(&mut self, number: &serde_json::Number, schema: &Value, at: &str) {
        let (least, most) = (schema["minimum"].as_f64(), schema["maximum"].as_f64());
        let n = number.as_f64().unwrap_or(f64::NAN);
        if n < least.unwrap_or(f64::MIN) || n > most.unwrap_or(f64::MAX) {
            let bound = |name: &str| schema[name].to_string();
            let allowed = match (least, most) {
                (Some(_), Some(_)) => format!("from {} to {}", bound("minimum"), bound("maximum")),
                (Some(_), None) => format!("{} or more", bound("minimum")),
                _ => format!("{} or less", bound("maximum")),
            };
            self.note(at, format!("{number} is not {allowed}"));
        }
    }

    fn check_items(&mut self, items: &[Value], schema: &Value, at: &str) {
        let (least, most) = (schema["minItems"].as_u64(), schema["maxItems"].as_u64());
        let length = items.len() as u64;
        if length < least.unwrap_or(0) || length > most.unwrap_or(u64::MAX) {
            self.note(at, format!("a list of {length}: {} are allowed", range(least.unwrap_or(0), most)));
        }
        for (index, item) in items.iter().enumerate() {
            if self.faults.len() >= MOST {
                return;
            }
            self.check(item, &schema["items"], &format!("{at}/{index}"));
        }
    }

    fn check_fields(&mut self, value: &Value, schema: &Value, at: &str) {
        let fields = value.as_object().into_iter().flatten();
        for name in list(&schema["required"]).filter_map(Value::as_str) {
            if self.faults.len() >= MOST {
                return;
            }
            if value.get(name).is_none() {
                self.note(&inside(at, name), "it is missing".to_owned());
            }
        }
        for (name, field) in fields {
            if self.faults.len() >= MOST {
                return;
            }
            match schema["properties"].get(name) {
                Some(of_field) => self.check(field, of_field, &inside(at, name)),
                None if schema["additionalProperties"] == false => {
                    let known = schema["properties"].as_object().into_iter().flatten();
                    let known: Vec<&str> = known.map(|(name, _)| name.as_str()).collect();
                    self.note(
                        &inside(at, name),
                        format!("it is unknown; the known ones are {}", known.join(", ")),
                    );
                }
                None => {}
            }
        }
    }
}

/// What is wrong with a text that is not a moment. Years that RFC 3339 can write go further than those that are kept.
fn wrong_time(text: &str) -> Option<String> {
    if text.parse::<Timestamp>().is_ok() {
        return None;
    }
    let written =
        Pieces::parse(text).ok().filter(|pieces| pieces.offset().is_some() && pieces.date().year() > 0);
    let latest = Timestamp::from_second(Timestamp::MAX.as_second()).ok();
    Some(match latest.filter(|_| written.is_some()) {
        Some(latest) => format!("later than {latest} is not allowed"),
        None => "it is not a time in RFC 3339 format".to_owned(),
    })
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The description of an inline schema, which the generator writes beside it as if it were an object.
fn is_note(part: &Value) -> bool {
    part.as_object()
        .is_some_and(|note| note.len() == 2 && note.contains_key("description") && part["type"] == "object")
}

fn is_of(value: &Value, wanted: &Value) -> bool {
    match wanted.as_str() {
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        Some("null") => value.is_null(),
        _ => true,
    }
}

fn words<'v>(values: impl Iterator<Item = &'v Value>) -> String {
    values
        .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        .collect::<Vec<_>>()
        .join(", ")
}

fn range(least: u64, most: Option<u64>) -> String {
    most.map_or_else(|| format!("{least} or more"), |most| format!("{least} to {most}"))
}

/// A field's pointer, escaped (RFC 6901, section 3).
pub(super) fn inside(at: &str, name: &str) -> String {
    format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// The first 200 characters: a name may be as long as the body.
fn shortened(text: &str) -> String {
    const LONGEST: usize = 200;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
