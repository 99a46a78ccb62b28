//! Pages of a list, by keyset: the cursor names the row to continue after. So rows that are inserted or deleted
//! meanwhile neither repeat nor hide others (Markus Winand, "no offset").

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use crate::clock::from_micros;
use crate::error::DataError;
use crate::value::{Kind, Value, date_of, days_of};

/// Which part of a list is requested.
#[derive(Clone, Debug)]
pub struct Page {
    /// How many rows, at least 1.
    pub limit: usize,
    /// Where the last page ended: the `next_cursor` of its [`Listing`].
    pub cursor: Option<String>,
}

impl Page {
    /// The first `limit` rows.
    pub fn first(limit: usize) -> Self {
        Page { limit, cursor: None }
    }
}

/// A page of a list, as a client receives it.
#[derive(Clone, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct Listing<T> {
    /// The page's items.
    pub items: Vec<T>,
    /// The cursor of the next page; absent on the last page.
    pub next_cursor: Option<String>,
    /// The number of items on all pages, up to the list's own limit. Only set if the list counts them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<i64>,
}

/// The content of a cursor: the list that it belongs to, and the values of the order's columns in the last row.
#[derive(serde::Serialize, serde::Deserialize)]
struct Cursor {
    #[serde(rename = "l")]
    list: String,
    #[serde(rename = "a")]
    after: Vec<serde_json::Value>,
}

pub(crate) fn encode(list: &str, after: &[Value]) -> String {
    let cursor = Cursor { list: list.to_owned(), after: after.iter().map(to_json).collect() };
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&cursor).expect("a cursor is plain JSON"))
}

/// Reads a cursor of `list`, whose order has columns of these kinds.
pub(crate) fn decode(text: &str, list: &str, kinds: &[Kind]) -> Result<Vec<Value>, DataError> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| DataError::Cursor)?;
    let cursor: Cursor = serde_json::from_slice(&bytes).map_err(|_| DataError::Cursor)?;
    if cursor.list != list || cursor.after.len() != kinds.len() {
        return Err(DataError::Cursor);
    }
    cursor
        .after
        .iter()
        .zip(kinds)
        .map(|(value, kind)| from_json(value, *kind).ok_or(DataError::Cursor))
        .collect()
}

fn to_json(value: &Value) -> serde_json::Value {
    match value {
        Value::Uuid(id) => id.to_string().into(),
        Value::Text(text) => text.clone().into(),
        Value::Integer(n) => (*n).into(),
        Value::Boolean(flag) => (*flag).into(),
        Value::Time(time) => time.as_microsecond().into(),
        Value::Date(date) => days_of(*date).into(),
        // As bits, because a decimal may be read back as a neighbouring value.
        Value::Real(n) => n.to_bits().into(),
        // Not comparable across databases, so `order_by` accepts no such column.
        Value::Null | Value::Json(_) | Value::Bytes(_) | Value::List(_) => serde_json::Value::Null,
    }
}

fn from_json(value: &serde_json::Value, kind: Kind) -> Option<Value> {
    match kind {
        Kind::Uuid => Uuid::parse_str(value.as_str()?).ok().map(Value::Uuid),
        Kind::Text => {
            value.as_str().filter(|text| !text.contains('\0')).map(|text| Value::Text(text.to_owned()))
        }
        Kind::Integer => value.as_i64().map(Value::Integer),
        Kind::Integer32 => value.as_i64().filter(|n| i32::try_from(*n).is_ok()).map(Value::Integer),
        Kind::Date => value.as_i64().and_then(date_of).map(Value::Date),
        Kind::Boolean => value.as_bool().map(Value::Boolean),
        Kind::Time => value.as_i64().map(|micros| Value::Time(from_micros(micros))),
        Kind::Real => value.as_u64().map(|bits| Value::Real(f64::from_bits(bits))).filter(|n| !is_nan(n)),
        Kind::Json | Kind::Bytes => None,
    }
}

fn is_nan(value: &Value) -> bool {
    matches!(value, Value::Real(n) if n.is_nan())
}
