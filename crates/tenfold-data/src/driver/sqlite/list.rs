//! List parameters: SQLite reads them as a table, `rarray`, whose values must be owned.

use std::cell::RefCell;
use std::rc::Rc;

use rusqlite::types::Value as SqlValue;

use crate::value::{Value, days_of};

/// Longer lists are not kept for the next one.
const KEPT: usize = 4_096;

thread_local! {
    /// The list of the last statement. A statement lets go of its parameters when it has run, on the same thread, so
    /// the next one writes its keys over these: without it each key of each load would be an allocation.
    static LAST: RefCell<Rc<Vec<SqlValue>>> = RefCell::default();
}

/// The values as SQLite takes them.
pub(super) fn of(values: &[Value]) -> Rc<Vec<SqlValue>> {
    LAST.with_borrow_mut(|last| {
        if Rc::strong_count(last) > 1 || values.len() > KEPT {
            // A statement has two lists, as arrays of columns would be, or one that is very long.
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

/// The value, in the room of an old one where they are alike.
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
