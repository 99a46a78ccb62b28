//! `tenfold api`: which changes of an OpenAPI document break the clients of the previous one.
//!
//! A break is a change that may break a client written against the old document. The kinds follow oasdiff's list, as
//! far as Tenfold's documents use them.

mod changelog;
mod command;
mod operation;
mod schema;
mod shape;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

pub(crate) use self::command::Api;

/// Something that breaks clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Break {
    /// What the changelog names: an operation, `GET /v1/users`, or a schema of the document, `UserView`.
    pub subject: String,
    /// What has changed.
    pub what: String,
    /// The operations that it affects.
    pub operations: BTreeSet<String>,
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.subject, self.what)?;
        match (self.operations.first(), self.operations.len()) {
            (Some(only), 1) if *only == self.subject => Ok(()),
            (Some(only), 1) => write!(f, " ({only})"),
            (Some(first), count) => write!(f, " ({first} and {} more)", count - 1),
            (None, _) => Ok(()),
        }
    }
}

/// The changes in `new` that break the clients of `old`, by operation or schema; both are OpenAPI 3.1 documents.
pub fn api_breaks(old: &Value, new: &Value) -> Vec<Break> {
    let mut found: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for (name, before) in operation::all(old) {
        let changes = match operation::find(new, &name) {
            None => vec![schema::SchemaChange::here("the operation is gone")],
            Some(after) => operation::changes((old, before), (new, after)),
        };
        for change in changes {
            let subject = change.schema.unwrap_or_else(|| name.clone());
            found.entry((subject, change.what)).or_default().insert(name.clone());
        }
    }
    let as_break = |((subject, what), operations)| Break { subject, what, operations };
    found.into_iter().map(as_break).collect()
}
