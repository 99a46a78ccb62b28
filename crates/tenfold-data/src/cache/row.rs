//! Rows as the cache keeps them: their columns. Each request makes entities of them, with cohorts of their own.

use std::sync::Arc;
use std::time::Duration;

use super::buckets::RowStamp;
use super::key::CacheKey;
use crate::value::{Value, days_of};

/// The columns that were read, as SQLite holds them, one row after the other. Empty if there is no row.
pub(crate) type CachedRows = Arc<[Value]>;

/// What the cache keeps of a key.
#[derive(Clone)]
pub(super) struct CachedEntry {
    pub rows: CachedRows,
    /// The words before the load.
    pub stamp: RowStamp,
    /// On the steady clock.
    pub expires: Duration,
    pub weight: u64,
}

/// What an entry takes beside its texts and bytes: the places in the map, the counters of the `Arc`, the allocator's part.
const ENTRY: usize = 200;

/// How many bytes an entry takes, about.
pub(super) fn weight_of(key: &CacheKey, rows: &CachedRows) -> u64 {
    let values: usize = rows.iter().map(|value| size_of::<Value>() + bytes(value)).sum();
    u64::try_from(ENTRY + key.bytes() + values).unwrap_or(u64::MAX)
}

fn bytes(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.capacity(),
        Value::Bytes(bytes) => bytes.capacity(),
        Value::List(values) => values.iter().map(|value| size_of::<Value>() + bytes(value)).sum(),
        _ => 0,
    }
}

/// The value as SQLite holds it, which is what a [`Row`](crate::Row) of values is read from.
pub(crate) fn as_stored(value: Value) -> Value {
    match value {
        Value::Uuid(id) => Value::Bytes(id.into_bytes().to_vec()),
        Value::Boolean(is) => Value::Integer(i64::from(is)),
        Value::Time(time) => Value::Integer(time.as_microsecond()),
        Value::Date(date) => Value::Integer(days_of(date)),
        Value::Json(json) => Value::Text(json.to_string()),
        other => other,
    }
}
