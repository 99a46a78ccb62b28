use std::fmt::Write;

use toml::{
    Spanned,
    de::{DeArray, DeInteger, DeValue},
};

use super::secret::{MASK, masked};

/// A configured value. Dates and nested arrays are left out: no setting needs them.
#[derive(Clone, PartialEq)]
pub(super) enum Value {
    Text(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    List(Vec<String>),
}

/// The type of a value, given by its default.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Text,
    Integer,
    Float,
    Boolean,
    List,
}

/// Whether a value may be shown.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Secrecy {
    Open,
    Secret,
}

impl Kind {
    /// The value of a TOML text, or what was expected instead.
    pub(super) fn read_toml(self, value: &DeValue<'_>) -> Result<Value, &'static str> {
        match (self, value) {
            (Kind::Text, DeValue::String(text)) => Some(Value::Text(text.to_string())),
            (Kind::Integer, DeValue::Integer(number)) => integer(number).map(Value::Integer),
            (Kind::Float, DeValue::Integer(number)) => {
                integer(number).map(|whole| Value::Float(whole as f64))
            }
            (Kind::Float, DeValue::Float(number)) => finite(number.as_str()),
            (Kind::Boolean, DeValue::Boolean(truth)) => Some(Value::Boolean(*truth)),
            (Kind::List, DeValue::Array(items)) => strings(items).map(Value::List),
            _ => None,
        }
        .ok_or(match self {
            Kind::Text => "expected a string in double quotes",
            Kind::Integer => "expected a whole number without quotes",
            Kind::Float => "expected a number without quotes",
            Kind::Boolean => "expected true or false, without quotes",
            Kind::List => "expected an array of strings, such as [\"a\", \"b\"]",
        })
        .and_then(Value::without_nul)
    }

    /// The value of a plain text from the environment or the command line, or what was expected. Commas
    /// separate the items of a list; an empty text is an empty list.
    pub(super) fn read_text(self, text: &str) -> Result<Value, &'static str> {
        let trimmed = text.trim();
        match self {
            Kind::Text => Some(Value::Text(text.to_owned())),
            Kind::Integer => trimmed.parse().ok().map(Value::Integer),
            Kind::Float => finite(trimmed),
            Kind::Boolean => trimmed.parse().ok().map(Value::Boolean),
            Kind::List if trimmed.is_empty() => Some(Value::List(Vec::new())),
            Kind::List => {
                let items: Vec<String> = trimmed.split(',').map(|item| item.trim().to_owned()).collect();
                items.iter().all(|item| !item.is_empty()).then_some(Value::List(items))
            }
        }
        .ok_or(match self {
            Kind::Text => "expected text",
            Kind::Integer => "expected a whole number",
            Kind::Float => "expected a number",
            Kind::Boolean => "expected true or false",
            Kind::List => "expected texts separated by commas, none of them empty",
        })
        .and_then(Value::without_nul)
    }
}

impl Value {
    /// The value of a default; its type is the type of the value.
    pub(super) fn from_default(value: &DeValue<'_>) -> Result<(Kind, Value), &'static str> {
        let kind = match value {
            DeValue::String(_) => Kind::Text,
            DeValue::Integer(_) => Kind::Integer,
            DeValue::Float(_) => Kind::Float,
            DeValue::Boolean(_) => Kind::Boolean,
            DeValue::Array(_) => Kind::List,
            DeValue::Datetime(_) | DeValue::Table(_) => {
                return Err("a default is a string, a number, a boolean or an array of strings");
            }
        };
        Ok((kind, kind.read_toml(value)?))
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            Value::Text(text) => text.is_empty(),
            Value::List(items) => items.is_empty(),
            Value::Integer(_) | Value::Float(_) | Value::Boolean(_) => false,
        }
    }

    /// The value as TOML on one line, secrets included.
    pub(super) fn exposed(&self) -> String {
        match self {
            Value::Text(text) => quoted(text),
            Value::Integer(number) => number.to_string(),
            Value::Float(number) => format!("{number:?}"),
            Value::Boolean(truth) => truth.to_string(),
            Value::List(items) => bracketed(items.iter().map(|item| quoted(item))),
        }
    }

    /// The value as TOML on one line, secrets masked. An empty secret is shown: "not set" is not secret.
    pub(super) fn shown(&self, secrecy: Secrecy) -> String {
        match (self, secrecy) {
            (Value::List(items), Secrecy::Secret) => bracketed(items.iter().map(|_| quoted(MASK))),
            (value, Secrecy::Secret) if !value.is_empty() => quoted(MASK),
            (Value::Text(text), _) => quoted(&masked(text)),
            (Value::List(items), _) => bracketed(items.iter().map(|item| quoted(&masked(item)))),
            (value, _) => value.exposed(),
        }
    }

    /// Whether [`shown`](Value::shown) hides something.
    pub(super) fn hides(&self, secrecy: Secrecy) -> bool {
        self.shown(secrecy) != self.exposed()
    }

    /// The texts in it, to find them in another error's message.
    pub(super) fn texts(&self) -> Vec<String> {
        match self {
            Value::Text(text) => vec![text.clone()],
            Value::List(items) => items.clone(),
            other => vec![other.exposed()],
        }
    }

    /// A NUL ends a string in the C interfaces below us (paths, SQLite, PostgreSQL), so it is rejected.
    fn without_nul(self) -> Result<Value, &'static str> {
        match &self {
            Value::Text(text) if text.contains('\0') => Err("it must not contain the character NUL"),
            Value::List(items) if items.iter().any(|item| item.contains('\0')) => {
                Err("it must not contain the character NUL")
            }
            _ => Ok(self),
        }
    }
}

/// A text as a TOML basic string.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => write!(out, "\\u{:04X}", u32::from(c)).expect("a String takes any text"),
            c => out.push(c),
        }
    }
    out + "\""
}

fn bracketed(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}

fn integer(number: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

fn finite(text: &str) -> Option<Value> {
    text.parse().ok().filter(|number: &f64| number.is_finite()).map(Value::Float)
}

fn strings(items: &DeArray<'_>) -> Option<Vec<String>> {
    items.iter().map(Spanned::get_ref).map(|item| item.as_str().map(str::to_owned)).collect()
}
