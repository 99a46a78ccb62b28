//! Our values as PostgreSQL's parameters.

use bytes::{BufMut as _, BytesMut};
use postgres_types::{Format, IsNull, ToSql, Type, to_sql_checked};
use serde::Serialize as _;
use serde_json::ser::{CompactFormatter, Formatter, Serializer};

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
            Value::Date(date) => date.to_sql_checked(ty, out),
            Value::Json(json) => write_json(json, ty, out),
            Value::Bytes(bytes) => bytes.to_sql_checked(ty, out),
            Value::List(values) if *ty == Type::UNKNOWN => {
                // Empty, or only NULLs.
                let nulls = vec!["NULL"; values.len()].join(",");
                out.extend_from_slice(format!("{{{nulls}}}").as_bytes());
                Ok(IsNull::No)
            }
            Value::List(values) => values.to_sql_checked(ty, out),
        }
    }

    /// Each value checks its own type above. A mismatch is an error of the statement, not a panic.
    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, ty: &Type) -> Format {
        // An untyped array can only be sent as text, see `type_of`.
        if *ty == Type::UNKNOWN { Format::Text } else { Format::Binary }
    }

    to_sql_checked!();
}

/// JSON as text. `jsonb` keeps numbers as decimals, so `1e16` would come back as an integer. With `.0` appended it
/// stays the number that SQLite's text says.
struct Decimals;

impl Formatter for Decimals {
    fn write_f64<W: ?Sized + std::io::Write>(&mut self, writer: &mut W, n: f64) -> std::io::Result<()> {
        if n.fract() == 0.0 {
            write!(writer, "{:.1}", n + 0.0)
        } else {
            CompactFormatter.write_f64(writer, n)
        }
    }
}

fn write_json(json: &serde_json::Value, ty: &Type, out: &mut BytesMut) -> Encoded {
    match *ty {
        // The version byte of the jsonb format.
        Type::JSONB => out.put_u8(1),
        Type::JSON => {}
        _ => return json.to_sql_checked(ty, out),
    }
    json.serialize(&mut Serializer::with_formatter(out.writer(), Decimals))?;
    Ok(IsNull::No)
}

/// The type that a value is sent with when the server was not asked what it expects. A value that does not determine
/// its type is sent as untyped text, and the server infers the type from the statement.
pub(super) fn type_of(value: &Value) -> Type {
    match value {
        Value::Null => Type::UNKNOWN,
        Value::Uuid(_) => Type::UUID,
        Value::Text(_) => Type::TEXT,
        Value::Integer(_) => Type::INT8,
        Value::Real(_) => Type::FLOAT8,
        Value::Boolean(_) => Type::BOOL,
        Value::Time(_) => Type::TIMESTAMPTZ,
        Value::Date(_) => Type::DATE,
        Value::Json(_) => Type::JSONB,
        Value::Bytes(_) => Type::BYTEA,
        Value::List(values) => match values.iter().find(|value| **value != Value::Null) {
            Some(Value::Uuid(_)) => Type::UUID_ARRAY,
            Some(Value::Text(_)) => Type::TEXT_ARRAY,
            Some(Value::Integer(_)) => Type::INT8_ARRAY,
            Some(Value::Real(_)) => Type::FLOAT8_ARRAY,
            Some(Value::Boolean(_)) => Type::BOOL_ARRAY,
            Some(Value::Time(_)) => Type::TIMESTAMPTZ_ARRAY,
            Some(Value::Date(_)) => Type::DATE_ARRAY,
            Some(Value::Json(_)) => Type::JSONB_ARRAY,
            Some(Value::Bytes(_)) => Type::BYTEA_ARRAY,
            Some(Value::Null | Value::List(_)) | None => Type::UNKNOWN,
        },
    }
}
