use std::fmt::Write;

use toml::{
    Spanned,
    de::{DeArray, DeInteger, DeValue},
};

use super::secret::{MASK, masked};

/// A configured value. Dates and nested arrays are left out: no setting needs them.
#[derive(Clone, PartialEq)]
pub(super) enum SettingValue {
    Text(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    List(Vec<String>),
}

/// The type of a value, given by its default.
#[derive(Clone, Copy)]
pub(super) enum SettingType {
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

impl SettingType {
    /// The value of a TOML text, or what was expected instead.
    pub(super) fn read_toml(self, value: &DeValue<'_>) -> Result<SettingValue, &'static str> {
        match (self, value) {
            (SettingType::Text, DeValue::String(text)) => Some(SettingValue::Text(text.to_string())),
            (SettingType::Integer, DeValue::Integer(number)) => integer(number).map(SettingValue::Integer),
            (SettingType::Float, DeValue::Integer(number)) => {
                integer(number).map(|whole| SettingValue::Float(whole as f64))
            }
            (SettingType::Float, DeValue::Float(number)) => finite(number.as_str()),
            (SettingType::Boolean, DeValue::Boolean(truth)) => Some(SettingValue::Boolean(*truth)),
            (SettingType::List, DeValue::Array(items)) => strings(items).map(SettingValue::List),
            _ => None,
        }
        .ok_or(match self {
            SettingType::Text => "expected a string in double quotes",
            SettingType::Integer => "expected a whole number without quotes",
            SettingType::Float => "expected a number without quotes",
            SettingType::Boolean => "expected true or false, without quotes",
            SettingType::List => "expected an array of strings, such as [\"a\", \"b\"]",
        })
        .and_then(SettingValue::without_nul)
    }

    /// The value of a plain text from the environment or the command line, or what was expected. Commas
    /// separate the items of a list; an empty text is an empty list.
    pub(super) fn read_text(self, text: &str) -> Result<SettingValue, &'static str> {
        let trimmed = text.trim();
        match self {
            SettingType::Text => Some(SettingValue::Text(text.to_owned())),
            SettingType::Integer => trimmed.parse().ok().map(SettingValue::Integer),
            SettingType::Float => finite(trimmed),
            SettingType::Boolean => trimmed.parse().ok().map(SettingValue::Boolean),
            SettingType::List if trimmed.is_empty() => Some(SettingValue::List(Vec::new())),
            SettingType::List => {
                let items: Vec<String> = trimmed.split(',').map(|item| item.trim().to_owned()).collect();
                items.iter().all(|item| !item.is_empty()).then_some(SettingValue::List(items))
            }
        }
        .ok_or(match self {
            SettingType::Text => "expected text",
            SettingType::Integer => "expected a whole number",
            SettingType::Float => "expected a number",
            SettingType::Boolean => "expected true or false",
            SettingType::List => "expected texts separated by commas, none of them empty",
        })
        .and_then(SettingValue::without_nul)
    }
}

impl SettingValue {
    /// The value of a default; its type is the type of the value.
    pub(super) fn from_default(value: &DeValue<'_>) -> Result<(SettingType, SettingValue), &'static str> {
        let kind = match value {
            DeValue::String(_) => SettingType::Text,
            DeValue::Integer(_) => SettingType::Integer,
            DeValue::Float(_) => SettingType::Float,
            DeValue::Boolean(_) => SettingType::Boolean,
            DeValue::Array(_) => SettingType::List,
            DeValue::Datetime(_) | DeValue::Table(_) => {
                return Err("a default is a string, a number, a boolean or an array of strings");
            }
        };
        Ok((kind, kind.read_toml(value)?))
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            SettingValue::Text(text) => text.is_empty(),
            SettingValue::List(items) => items.is_empty(),
            SettingValue::Integer(_) | SettingValue::Float(_) | SettingValue::Boolean(_) => false,
        }
    }

    /// The value as TOML on one line, secrets included.
    pub(super) fn exposed(&self) -> String {
        match self {
            SettingValue::Text(text) => quoted(text),
            SettingValue::Integer(number) => number.to_string(),
            SettingValue::Float(number) => format!("{number:?}"),
            SettingValue::Boolean(truth) => truth.to_string(),
            SettingValue::List(items) => bracketed(items.iter().map(|item| quoted(item))),
        }
    }

    /// The value as TOML on one line, secrets masked. An empty secret is shown: "not set" is not secret.
    pub(super) fn shown(&self, secrecy: Secrecy) -> String {
        match (self, secrecy) {
            (SettingValue::List(items), Secrecy::Secret) => bracketed(items.iter().map(|_| quoted(MASK))),
            (value, Secrecy::Secret) if !value.is_empty() => quoted(MASK),
            (SettingValue::Text(text), _) => quoted(&masked(text)),
            (SettingValue::List(items), _) => bracketed(items.iter().map(|item| quoted(&masked(item)))),
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
            SettingValue::Text(text) => vec![text.clone()],
            SettingValue::List(items) => items.clone(),
            other => vec![other.exposed()],
        }
    }

    /// A NUL ends a string in the C interfaces below us (paths, SQLite, PostgreSQL), so it is rejected.
    fn without_nul(self) -> Result<SettingValue, &'static str> {
        match &self {
            SettingValue::Text(text) if text.contains('\0') => Err("it must not contain the character NUL"),
            SettingValue::List(items) if items.iter().any(|item| item.contains('\0')) => {
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

fn finite(text: &str) -> Option<SettingValue> {
    text.parse().ok().filter(|number: &f64| number.is_finite()).map(SettingValue::Float)
}

fn strings(items: &DeArray<'_>) -> Option<Vec<String>> {
    items.iter().map(Spanned::get_ref).map(|item| item.as_str().map(str::to_owned)).collect()
}
