//! What one process tells the others of a transaction: a line, of what is declared to be told. A row has the lines of all
//! transactions that were committed together.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::topic::Topic;
use super::write_set::{WriteSet, WrittenKeys, WrittenTable};
use crate::ownership::OrgId;
use crate::value::Value;

/// A text key is told up to this length: it is stored for the others.
const LONGEST_TEXT: usize = 64;

/// The names are short: each transaction stores one.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Packed<'a> {
    /// The changed tables, each with the organization of its rows if there is one.
    #[serde(rename = "t", borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<(Cow<'a, str>, Option<OrgId>)>,
    /// The keys of the changed rows, for each of the tables; none for a table of which any row may have changed. Beside the
    /// tables, so that a process of an earlier version reads these.
    #[serde(rename = "k", default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<Vec<PackedKey>>,
    #[serde(rename = "s", borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub signals: Vec<Cow<'a, str>>,
    /// Anything may have changed, the foreign keys too. A process of an earlier version does not know this, and has no cache.
    #[serde(rename = "e", default, skip_serializing_if = "std::ops::Not::not")]
    pub everything: bool,
    /// Each reader is to say how far it has read.
    #[serde(rename = "a", default, skip_serializing_if = "std::ops::Not::not")]
    pub asks: bool,
}

/// The key of a row.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum PackedKey {
    #[serde(rename = "u")]
    Uuid(Uuid),
    #[serde(rename = "i")]
    Integer(i64),
    #[serde(rename = "t")]
    Text(String),
}

impl PackedKey {
    /// The keys that are told: none if one is too long, or of another kind.
    fn all(keys: &WrittenKeys) -> Vec<Self> {
        let WrittenKeys::These(keys) = keys else { return Vec::new() };
        keys.iter().map(PackedKey::of).collect::<Option<_>>().unwrap_or_default()
    }

    fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Uuid(id) => Some(PackedKey::Uuid(*id)),
            Value::Integer(n) => Some(PackedKey::Integer(*n)),
            Value::Text(text) if text.len() <= LONGEST_TEXT => Some(PackedKey::Text(text.clone())),
            _ => None,
        }
    }

    fn value(&self) -> Value {
        match self {
            PackedKey::Uuid(id) => Value::Uuid(*id),
            PackedKey::Integer(n) => Value::Integer(*n),
            PackedKey::Text(text) => Value::Text(text.clone()),
        }
    }
}

impl<'a> Packed<'a> {
    /// What is told of these writes.
    pub(super) fn of(tables: &[&'a WrittenTable], signals: Vec<Cow<'a, str>>) -> Self {
        let name = |written: &&'a WrittenTable| (Cow::Borrowed(&*written.table), written.tenant);
        let mut keys: Vec<_> = tables.iter().map(|written| PackedKey::all(&written.keys)).collect();
        if keys.iter().all(Vec::is_empty) {
            keys.clear();
        }
        Packed { tables: tables.iter().map(name).collect(), keys, signals, everything: false, asks: false }
    }

    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).expect("texts and ids are JSON")
    }

    /// Reads a text. A process of another version may have written it.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Adds what it says was written.
    pub(super) fn add_to(&self, writes: &mut WriteSet) {
        for (place, (table, tenant)) in self.tables.iter().enumerate() {
            let told = self.keys.get(place).filter(|keys| !keys.is_empty());
            let keys = told.map_or(WrittenKeys::Any, |keys| {
                WrittenKeys::These(keys.iter().map(PackedKey::value).collect())
            });
            writes.add(*tenant, table.to_string(), keys);
        }
        for name in &self.signals {
            writes.add_topic(Topic::signal(name.to_string()));
        }
    }
}
