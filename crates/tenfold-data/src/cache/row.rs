//! Rows as the cache keeps them: their columns. Each request makes entities of them, with cohorts of their own.

use std::sync::Arc;
use std::time::Duration;

use super::buckets::{RowStamp, RowWords};
use super::key::CacheKey;
use crate::value::{Value, days_of};

/// The columns that were read, as [`as_stored`] gives them, one row after the other. Empty if there is no row.
pub(crate) type CachedRows = Arc<[Value]>;

/// What the cache keeps of a key.
#[derive(Clone)]
pub(super) struct CachedEntry {
    pub rows: CachedRows,
    /// The words before the load.
    pub stamp: RowStamp,
    /// Which words these are, if the key does not say so: those of the row that a unique value has found.
    pub words: Option<Arc<RowWords>>,
    /// On the steady clock.
    pub expires: Duration,
    pub weight: u64,
}

/// What an entry takes beside its texts and bytes: the places in the map, the counters of the `Arc`, the allocator's part.
const ENTRY: usize = 200;
/// What the allocator takes for itself, for each piece.
const PIECE: usize = 16;
/// The same for each member of a JSON object, with its place in the tree.
const MEMBER: usize = 64;

/// How many bytes an entry takes, about.
pub(super) fn weight_of(key: &CacheKey, rows: &CachedRows) -> u64 {
    let values: usize = rows.iter().map(|value| size_of::<Value>() + bytes(value)).sum();
    u64::try_from(ENTRY + key.bytes() + values).unwrap_or(u64::MAX)
}

fn bytes(value: &Value) -> usize {
    match value {
        Value::Text(text) => PIECE + text.capacity(),
        Value::Bytes(bytes) => PIECE + bytes.capacity(),
        Value::Json(json) => of_json(json),
        Value::List(values) => values.iter().map(|value| size_of::<Value>() + bytes(value)).sum(),
        _ => 0,
    }
}

fn of_json(json: &serde_json::Value) -> usize {
    match json {
        serde_json::Value::String(text) => PIECE + text.capacity(),
        serde_json::Value::Array(items) => {
            PIECE + items.iter().map(|item| size_of::<serde_json::Value>() + of_json(item)).sum::<usize>()
        }
        serde_json::Value::Object(members) => {
            members.iter().map(|(name, member)| MEMBER + name.capacity() + of_json(member)).sum()
        }
        _ => 0,
    }
}

/// The value as a [`Row`](crate::Row) of values is read: as SQLite holds it, but ids and JSON as they are, so that a hit neither
/// parses them nor rounds a number.
pub(crate) fn as_stored(value: Value) -> Value {
    match value {
        Value::Boolean(is) => Value::Integer(i64::from(is)),
        Value::Time(time) => Value::Integer(time.as_microsecond()),
        Value::Date(date) => Value::Integer(days_of(date)),
        other => other,
    }
}
