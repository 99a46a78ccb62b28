//! What one process tells the others of a transaction: a line, of what is declared to be told. A row has the lines of all
//! transactions that were committed together.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::topic::Topic;
use super::write_set::{WriteSet, WrittenKeys};
use crate::ownership::OrgId;

/// The names are short: each transaction stores one.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Packed<'a> {
    /// The changed tables, each with the organization of its rows if there is one.
    #[serde(rename = "t", borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<(Cow<'a, str>, Option<OrgId>)>,
    #[serde(rename = "s", borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub signals: Vec<Cow<'a, str>>,
    /// Each reader is to say how far it has read.
    #[serde(rename = "a", default, skip_serializing_if = "std::ops::Not::not")]
    pub asks: bool,
}

impl<'a> Packed<'a> {
    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).expect("texts and ids are JSON")
    }

    /// Reads a text. A process of another version may have written it.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Adds what it says was written.
    pub(super) fn add_to(&self, writes: &mut WriteSet) {
        for (table, tenant) in &self.tables {
            writes.add(*tenant, table.to_string(), WrittenKeys::Any);
        }
        for name in &self.signals {
            writes.add_topic(Topic::signal(name.to_string()));
        }
    }
}
