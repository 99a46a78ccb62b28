//! The values of parameters and columns, the same for both databases.

use jiff::civil::{Date, date};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::clock::from_micros;
use crate::row::{ReadError, Row};

/// The column types that both databases store without loss. See `migrate/portable.rs` for their names in SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `uuid`; 16 bytes in SQLite.
    Uuid,
    /// `text`, compared byte by byte.
    Text,
    /// `bigint`.
    Integer,
    /// `integer`: 32 bits, which SQLite does not enforce.
    Integer32,
    /// `double precision`; `REAL` in SQLite. Negative zero is stored as zero, because SQLite does not keep the sign.
    Real,
    /// `boolean`; 0 or 1 in SQLite.
    Boolean,
    /// `timestamptz`; microseconds since 1970 in SQLite.
    Time,
    /// `date`: a day without a time zone; days since 1970 in SQLite, so that `day + 7` is a week later on both
    /// databases.
    Date,
    /// `jsonb`; text in SQLite.
    Json,
    /// `bytea`; a blob in SQLite.
    Bytes,
}

impl Kind {
    /// The type's name in PostgreSQL, for casts in generated statements.
    pub(crate) fn postgres(self) -> &'static str {
        match self {
            Kind::Uuid => "uuid",
            Kind::Text => "text",
            Kind::Integer => "bigint",
            Kind::Integer32 => "integer",
            Kind::Real => "double precision",
            Kind::Boolean => "boolean",
            Kind::Time => "timestamptz",
            Kind::Date => "date",
            Kind::Json => "jsonb",
            Kind::Bytes => "bytea",
        }
    }

    /// What a column of this kind should hold, for errors.
    pub(crate) fn described(self) -> &'static str {
        match self {
            Kind::Uuid => "a uuid",
            Kind::Text => "text",
            Kind::Integer => "a bigint",
            Kind::Integer32 => "an integer of 32 bits",
            Kind::Real => "a double",
            Kind::Boolean => "a boolean",
            Kind::Time => "a timestamptz",
            Kind::Date => "a date",
            Kind::Json => "jsonb",
            Kind::Bytes => "bytes",
        }
    }
}

/// A parameter of a statement.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// SQL NULL, of any type.
    Null,
    /// See [`Kind::Uuid`].
    Uuid(Uuid),
    /// See [`Kind::Text`].
    Text(String),
    /// See [`Kind::Integer`] and [`Kind::Integer32`].
    Integer(i64),
    /// See [`Kind::Real`].
    Real(f64),
    /// See [`Kind::Boolean`].
    Boolean(bool),
    /// See [`Kind::Time`].
    Time(Timestamp),
    /// See [`Kind::Date`].
    Date(Date),
    /// See [`Kind::Json`].
    Json(serde_json::Value),
    /// See [`Kind::Bytes`].
    Bytes(Vec<u8>),
    /// Many values as one parameter: `= ANY($n)` on PostgreSQL, `IN (SELECT value FROM rarray($n))` on SQLite.
    List(Vec<Value>),
}

/// A Rust type that one column can hold.
pub trait ColumnType: Sized + Send + Sync + 'static {
    /// How the column is declared.
    const KIND: Kind;

    /// The value as a parameter.
    fn to_value(&self) -> Value;

    /// The value as a parameter, when the value is no longer needed: texts, bytes and JSON are not copied.
    fn into_value(self) -> Value {
        self.to_value()
    }

    /// The value of column `index` (from 0) of `row`.
    ///
    /// # Errors
    /// When the column holds NULL or something of another type.
    fn read(row: &Row<'_>, index: usize) -> Result<Self, ReadError>;
}

/// Column types that identify rows: they can be compared, hashed and sent in a [`Value::List`].
pub trait KeyType: ColumnType + Clone + Eq + std::hash::Hash + Ord + std::fmt::Debug {}

/// Column types that a list can be ordered by, with the same result on both databases: never NULL, and text byte by
/// byte.
#[diagnostic::on_unimplemented(
    message = "rows cannot be ordered by a column of type `{Self}`",
    label = "numbers, text, times and ids have an order that both databases agree on, `Option` and JSON have not"
)]
pub trait Sortable: ColumnType {}

impl<K: KeyType> Sortable for K {}
impl Sortable for f64 {}
impl Sortable for Timestamp {}
impl Sortable for Date {}
impl Sortable for i32 {}

/// Column types that have a minimum and a maximum. An `Option` has those of its values.
pub trait Measured: ColumnType {
    /// The type of the minimum and the maximum.
    type Value: ColumnType;
}

impl<T: Sortable> Measured for T {
    type Value = T;
}
impl<T: Sortable> Measured for Option<T> {
    type Value = T;
}

/// Column types that can be added up: numbers, and an `Option` of them.
pub trait Summed: ColumnType {
    /// The type of the sum.
    type Sum: ColumnType;
}

impl Summed for i64 {
    type Sum = i64;
}
impl Summed for i32 {
    type Sum = i64;
}
impl Summed for f64 {
    type Sum = f64;
}
impl<T: Summed> Summed for Option<T> {
    type Sum = T::Sum;
}

impl KeyType for Uuid {}
impl KeyType for String {}
impl KeyType for i64 {}

impl ColumnType for Uuid {
    const KIND: Kind = Kind::Uuid;
    fn to_value(&self) -> Value {
        Value::Uuid(*self)
    }
    fn read(row: &Row<'_>, index: usize) -> Result<Self, ReadError> {
        row.uuid(index)
    }
}

impl ColumnType for String {
    const KIND: Kind = Kind::Text;
    fn to_value(&self) -> Value {
        Value::Text(self.clone())
    }
    fn into_value(self) -> Value {
        Value::Text(self)
    }
    fn read(row: &Row<'_>, index: usize) -> Result<Self, ReadError> {
        row.text(index)
    }
}

impl ColumnType for i64 {
    const KIND: Kind = Kind::Integer;
    fn to_value(&self) -> Value {
        Value::Integer(*self)
    }
    fn read(row: &Row<'_>, index: usize) -> Result<Self, ReadError> {
        row.integer(index)
    }
}

impl ColumnType for i32 {
    const KIND: Kind = Kind::Integer32;
    fn to_value(&self) -> Value {
        Value::Integer(i64::from(*self))
    }
    fn read(row: &Row<'_>, index: usize) -> Result<Self, ReadError> {
        let n = row.integer(index)?;
        n.try_into().map_err(|_| ReadError::new(index, "an integer of 32 bits", &n.to_string()))
    }
}

impl ColumnType for f64 {
    const KIND: Kind = Kind::Real;
    fn to_value(&self) -> Value {
        // Without the sign of a zero, which SQLite does not keep.
        Value::Real(*self + 0.0)
    }
    fn read(row: &Row<'_>, index: usize) -> Result<Self, ReadError> {
        row.real(index)
    }
}

impl ColumnType for bool {
    const KIND: Kind = Kind::Boolean;
    fn to_value(&self) -> Value {
        Value::Boolean(*self)
    }
    fn read(row: &Row<'_>, index: usize) -> Result<Self, ReadError> {
        row.boolean(index)
    }
}

impl ColumnType for Timestamp {
    const KIND: Kind = Kind::Time;
    fn to_value(&self) -> Value {
        // Truncated to what both databases store, so that what is read equals what was written.
        Value::Time(from_micros(self.as_microsecond()))
    }
    fn read(row: &Row<'_>, index: usize) -> Result<Self, ReadError> {
        row.time(index)
    }
}

impl ColumnType for Date {
    const KIND: Kind = Kind::Date;
    fn to_value(&self) -> Value {
        Value::Date(*self)
    }
    fn read(row: &Row<'_>, index: usize) -> Result<Self, ReadError> {
        row.date(index)
    }
}

/// The day that SQLite's dates are counted from.
const FIRST_DAY: Date = date(1970, 1, 1);
const HOURS: i64 = 24;

/// How many days a date is after 1970-01-01.
pub(crate) fn days_of(date: Date) -> i64 {
    date.duration_since(FIRST_DAY).as_hours() / HOURS
}

/// The date that many days after 1970-01-01, if it is within the calendar, which spans the years -9999 to 9999.
pub(crate) fn date_of(days: i64) -> Option<Date> {
    FIRST_DAY.checked_add(SignedDuration::try_from_hours(days.checked_mul(HOURS)?)?).ok()
}

impl ColumnType for serde_json::Value {
    const KIND: Kind = Kind::Json;
    fn to_value(&self) -> Value {
        Value::Json(self.clone())
    }
    fn into_value(self) -> Value {
        Value::Json(self)
    }
    fn read(row: &Row<'_>, index: usize) -> Result<Self, ReadError> {
        row.json(index)
    }
}

impl ColumnType for Vec<u8> {
    const KIND: Kind = Kind::Bytes;
    fn to_value(&self) -> Value {
        Value::Bytes(self.clone())
    }
    fn into_value(self) -> Value {
        Value::Bytes(self)
    }
    fn read(row: &Row<'_>, index: usize) -> Result<Self, ReadError> {
        row.bytes(index)
    }
}

impl<T: ColumnType> ColumnType for Option<T> {
    const KIND: Kind = T::KIND;
    fn to_value(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::to_value)
    }
    fn into_value(self) -> Value {
        self.map_or(Value::Null, T::into_value)
    }
    fn read(row: &Row<'_>, index: usize) -> Result<Self, ReadError> {
        if row.is_null(index)? { Ok(None) } else { T::read(row, index).map(Some) }
    }
}
