//! Our values as PostgreSQL's parameters.

use bytes::BytesMut;
use postgres_types::{IsNull, ToSql, Type, to_sql_checked};

use crate::value::Value;

type Encoded = Result<IsNull, Box<dyn std::error::Error + Sync + Send>>;

impl ToSql for Value {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Encoded {
        match self {
            Value::Null => Ok(IsNull::Yes),
            Value::Uuid(id) => id.to_sql_checked(ty, out),
            Value::Text(text) => text.to_sql_checked(ty, out),
            Value::Integer(n) if *ty == Type::INT4 => i32::try_from(*n)?.to_sql_checked(ty, out),
            Value::Integer(n) => n.to_sql_checked(ty, out),
            Value::Real(n) => n.to_sql_checked(ty, out),
            Value::Boolean(flag) => flag.to_sql_checked(ty, out),
            Value::Time(time) => time.to_sql_checked(ty, out),
            Value::Json(json) => json.to_sql_checked(ty, out),
            Value::Bytes(bytes) => bytes.to_sql_checked(ty, out),
            Value::List(values) => values.to_sql_checked(ty, out),
        }
    }

    /// Each value checks its own type above; a mismatch is an error of the statement, not a panic.
    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}
