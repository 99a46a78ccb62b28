//! One row of a result, read in place: nothing is copied between the driver's row and the entity.

mod number;

use jiff::Timestamp;
use jiff::civil::Date;
use postgres_types::{FromSql, Type};
use rusqlite::types::ValueRef;
use uuid::Uuid;

use self::number::{Double, Whole, exactly};
use crate::clock::from_micros;
use crate::value::{Kind, Value, date_of};

/// The driver's current row.
pub struct Row<'a>(pub(crate) RowSource<'a>);

pub(crate) enum RowSource<'a> {
    Sqlite(&'a rusqlite::Row<'a>),
    Postgres(&'a tokio_postgres::Row),
    /// A row that was sent from another thread: SQLite's unbounded reads.
    Values(&'a [Value]),
}

/// A column does not hold what the entity declares.
#[derive(Clone, Debug, thiserror::Error)]
#[error("column {index} should hold {expected}, but holds {found}")]
pub struct ReadError {
    index: usize,
    expected: &'static str,
    found: String,
}

impl ReadError {
    /// Column `index` (from 0) holds `found` instead of `expected`.
    pub fn new(index: usize, expected: &'static str, found: &str) -> Self {
        ReadError { index, expected, found: found.to_owned() }
    }

    /// There is no column `index`, which should be read as `kind`.
    pub(crate) fn missing(index: usize, kind: Kind) -> Self {
        ReadError::new(index, kind.described(), "nothing: the text has fewer columns")
    }

    /// Column `index` should be read as `kind`, but `name` has another type, which is read as `instead`.
    pub(crate) fn other(index: usize, kind: Kind, (name, found): (&str, &str), instead: &str) -> Self {
        ReadError::new(index, kind.described(), &format!("{name}, {found}: read {instead}, or CAST it"))
    }

    /// Tells SQLite's driver that no more rows are wanted. It never reaches a caller.
    pub(crate) fn enough() -> Self {
        ReadError::new(usize::MAX, "no more rows", "one more")
    }

    pub(crate) fn is_enough(&self) -> bool {
        self.index == usize::MAX
    }
}

macro_rules! read {
    ($self:ident, $index:ident, $expected:literal, $type:ty, $sqlite:pat => $from_sqlite:expr, $value:pat => $from_value:expr) => {
        match &$self.0 {
            RowSource::Sqlite(row) => match row.get_ref($index) {
                Ok($sqlite) => $from_sqlite,
                Ok(other) => Err(ReadError::new($index, $expected, &format!("{:?}", other.data_type()))),
                Err(error) => Err(ReadError::new($index, $expected, &error.to_string())),
            },
            RowSource::Postgres(row) => row
                .try_get::<_, $type>($index)
                .map_err(|error| ReadError::new($index, $expected, &error.to_string())),
            RowSource::Values(values) => match values.get($index) {
                Some($value) => $from_value,
                other => Err(ReadError::new($index, $expected, &format!("{other:?}"))),
            },
        }
    };
}

impl Row<'_> {
    /// A column of a PostgreSQL row.
    fn of_postgres<'a, T: FromSql<'a>>(
        &'a self,
        index: usize,
        expected: &'static str,
    ) -> Result<T, ReadError> {
        let RowSource::Postgres(row) = &self.0 else { unreachable!("only asked of a row of PostgreSQL") };
        row.try_get(index).map_err(|error| {
            let cause =
                std::error::Error::source(&error).map_or_else(String::new, |cause| format!(": {cause}"));
            ReadError::new(index, expected, &format!("{error}{cause}"))
        })
    }

    /// A column of a row of values.
    fn value(&self, index: usize) -> Option<&Value> {
        match &self.0 {
            RowSource::Values(values) => values.get(index),
            RowSource::Sqlite(_) | RowSource::Postgres(_) => None,
        }
    }

    /// Whether column `index` is NULL.
    ///
    /// # Errors
    /// When there is no such column. The same holds for the readers below, which also fail when the column has another
    /// type.
    pub fn is_null(&self, index: usize) -> Result<bool, ReadError> {
        match &self.0 {
            RowSource::Sqlite(row) => row
                .get_ref(index)
                .map(|value| value == ValueRef::Null)
                .map_err(|error| ReadError::new(index, "a column", &error.to_string())),
            RowSource::Postgres(row) => row
                .try_get::<_, Option<AnyType>>(index)
                .map(|value| value.is_none())
                .map_err(|error| ReadError::new(index, "a column", &error.to_string())),
            RowSource::Values(values) => values
                .get(index)
                .map(|value| *value == Value::Null)
                .ok_or_else(|| ReadError::new(index, "a column", "nothing")),
        }
    }

    /// See [`Kind::Uuid`](crate::Kind::Uuid).
    pub fn uuid(&self, index: usize) -> Result<Uuid, ReadError> {
        if let Some(Value::Uuid(id)) = self.value(index) {
            return Ok(*id);
        }
        let parse = |bytes: &[u8]| {
            Uuid::from_slice(bytes).map_err(|_| ReadError::new(index, "a uuid of 16 bytes", "another length"))
        };
        read!(self, index, "a uuid", Uuid, ValueRef::Blob(bytes) => parse(bytes), Value::Bytes(bytes) => parse(bytes))
    }

    /// See [`Kind::Text`](crate::Kind::Text).
    pub fn text(&self, index: usize) -> Result<String, ReadError> {
        let parse = |bytes: &[u8]| {
            std::str::from_utf8(bytes)
                .map(str::to_owned)
                .map_err(|_| ReadError::new(index, "UTF-8 text", "other bytes"))
        };
        read!(self, index, "text", String, ValueRef::Text(text) => parse(text), Value::Text(text) => Ok(text.clone()))
    }

    /// See [`Kind::Integer`](crate::Kind::Integer).
    pub fn integer(&self, index: usize) -> Result<i64, ReadError> {
        if let RowSource::Postgres(_) = &self.0 {
            return self.of_postgres::<Whole>(index, "a bigint").map(|whole| whole.0);
        }
        read!(self, index, "a bigint", i64, ValueRef::Integer(n) => Ok(n), Value::Integer(n) => Ok(*n))
    }

    /// See [`Kind::Date`](crate::Kind::Date).
    pub fn date(&self, index: usize) -> Result<Date, ReadError> {
        let of = |days: i64| {
            date_of(days).ok_or_else(|| ReadError::new(index, "a date", &format!("{days} days after 1970")))
        };
        read!(self, index, "a date", Date, ValueRef::Integer(days) => of(days), Value::Integer(days) => of(*days))
    }

    /// See [`Kind::Real`](crate::Kind::Real).
    pub fn real(&self, index: usize) -> Result<f64, ReadError> {
        if let RowSource::Postgres(_) = &self.0 {
            return self.of_postgres::<Double>(index, "a double").map(|double| double.0);
        }
        let whole = |n: i64| {
            exactly(n).ok_or_else(|| {
                ReadError::new(index, "a double", &format!("{n}, which no double is equal to"))
            })
        };
        let own = |n: &Self| match &n.0 {
            RowSource::Sqlite(row) => row.get_ref(index).ok().and_then(|value| value.as_i64().ok()),
            RowSource::Values(values) => match values.get(index) {
                Some(Value::Integer(n)) => Some(*n),
                _ => None,
            },
            RowSource::Postgres(_) => None,
        };
        // `coalesce(avg(n), 0)` is an integer when there are no rows.
        if let Some(n) = own(self) {
            return whole(n);
        }
        read!(self, index, "a double", f64, ValueRef::Real(n) => Ok(n), Value::Real(n) => Ok(*n))
    }

    /// See [`Kind::Boolean`](crate::Kind::Boolean).
    pub fn boolean(&self, index: usize) -> Result<bool, ReadError> {
        // Other numbers are not booleans on PostgreSQL either.
        let of = |n: i64| match n {
            0 => Ok(false),
            1 => Ok(true),
            n => Err(ReadError::new(index, "a boolean", &n.to_string())),
        };
        read!(self, index, "a boolean", bool, ValueRef::Integer(n) => of(n), Value::Integer(n) => of(*n))
    }

    /// See [`Kind::Time`](crate::Kind::Time).
    pub fn time(&self, index: usize) -> Result<Timestamp, ReadError> {
        read!(self, index, "a timestamptz", Timestamp,
              ValueRef::Integer(micros) => Ok(from_micros(micros)), Value::Integer(micros) => Ok(from_micros(*micros)))
    }

    /// See [`Kind::Json`](crate::Kind::Json).
    pub fn json(&self, index: usize) -> Result<serde_json::Value, ReadError> {
        if let Some(Value::Json(json)) = self.value(index) {
            return Ok(json.clone());
        }
        let parse = |bytes: &[u8]| {
            serde_json::from_slice(bytes).map_err(|error| ReadError::new(index, "JSON", &error.to_string()))
        };
        read!(self, index, "jsonb", serde_json::Value,
              ValueRef::Text(text) => parse(text), Value::Text(text) => parse(text.as_bytes()))
    }

    /// See [`Kind::Bytes`](crate::Kind::Bytes).
    pub fn bytes(&self, index: usize) -> Result<Vec<u8>, ReadError> {
        read!(self, index, "bytes", Vec<u8>, ValueRef::Blob(bytes) => Ok(bytes.to_vec()), Value::Bytes(bytes) => Ok(bytes.clone()))
    }
}

/// Whether a PostgreSQL column of this type is read as `kind`.
pub(crate) fn is_read_as(kind: Kind, ty: &Type) -> bool {
    match kind {
        Kind::Uuid => <Uuid as FromSql>::accepts(ty),
        Kind::Text => <String as FromSql>::accepts(ty),
        Kind::Integer | Kind::Integer32 => Whole::accepts(ty),
        Kind::Real => Double::accepts(ty),
        Kind::Boolean => <bool as FromSql>::accepts(ty),
        Kind::Time => <Timestamp as FromSql>::accepts(ty),
        Kind::Date => <Date as FromSql>::accepts(ty),
        Kind::Json => <serde_json::Value as FromSql>::accepts(ty),
        Kind::Bytes => <Vec<u8> as FromSql>::accepts(ty),
    }
}

/// Copies an SQLite row, to send it to another thread. A uuid stays the 16 bytes that SQLite holds.
pub(crate) fn copy(row: &rusqlite::Row<'_>) -> Result<Vec<Value>, ReadError> {
    let columns = row.as_ref().column_count();
    (0..columns)
        .map(|index| {
            let value =
                row.get_ref(index).map_err(|error| ReadError::new(index, "a column", &error.to_string()))?;
            Ok(match value {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(n) => Value::Integer(n),
                ValueRef::Real(n) => Value::Real(n),
                ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
                ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
            })
        })
        .collect()
}

/// Accepts any PostgreSQL type, to check only whether there is a value.
struct AnyType;

impl<'a> FromSql<'a> for AnyType {
    fn from_sql(_: &Type, _: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(AnyType)
    }
    fn accepts(_: &Type) -> bool {
        true
    }
}
