//! List parameters. SQLite reads them as a table, `rarray`, whose values must be owned.

use std::cell::RefCell;
use std::rc::Rc;

use rusqlite::types::Value as SqlValue;

use crate::value::{Value, days_of};

/// Longer lists are not kept for the next statement.
const KEPT: usize = 4_096;

thread_local! {
    /// The list of the last statement. A statement releases its parameters when it has run, on the same thread, so the
    /// next one overwrites them with its own keys. Without this, each key of each load would be an allocation.
    static LAST: RefCell<Rc<Vec<SqlValue>>> = RefCell::default();
}

/// The values in SQLite's form.
pub(super) fn of(values: &[Value]) -> Rc<Vec<SqlValue>> {
    LAST.with_borrow_mut(|last| {
        if Rc::strong_count(last) > 1 || values.len() > KEPT {
            // The last list is in use, because a statement has two lists (arrays of columns), or it was very long.
            return Rc::new(values.iter().map(|value| over(SqlValue::Null, value)).collect());
        }
        let list = Rc::make_mut(last);
        list.truncate(values.len());
        for (old, value) in list.iter_mut().zip(values) {
            *old = over(std::mem::replace(old, SqlValue::Null), value);
        }
        list.extend(values[list.len()..].iter().map(|value| over(SqlValue::Null, value)));
        Rc::clone(last)
    })
}

/// The value, reusing the memory of an old one where possible.
fn over(old: SqlValue, value: &Value) -> SqlValue {
    let blob = |bytes: &[u8]| match old {
        SqlValue::Blob(mut room) => {
            room.clear();
            room.extend_from_slice(bytes);
            SqlValue::Blob(room)
        }
        _ => SqlValue::Blob(bytes.to_vec()),
    };
    match value {
        Value::Null | Value::List(_) => SqlValue::Null,
        Value::Uuid(id) => blob(id.as_bytes()),
        Value::Bytes(bytes) => blob(bytes),
        Value::Text(text) => SqlValue::Text(text.clone()),
        Value::Integer(n) => SqlValue::Integer(*n),
        Value::Real(n) => SqlValue::Real(*n),
        Value::Boolean(flag) => SqlValue::Integer(i64::from(*flag)),
        Value::Time(time) => SqlValue::Integer(time.as_microsecond()),
        Value::Date(date) => SqlValue::Integer(days_of(*date)),
        Value::Json(json) => SqlValue::Text(json.to_string()),
    }
}
