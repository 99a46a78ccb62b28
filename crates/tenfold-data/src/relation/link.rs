//! The value that relates rows.

use std::sync::Arc;

use crate::row::{ReadError, Row};
use crate::value::{Kind, Value};

/// The value that two sides of a relation share. Ids are copied, text keys are cloned.
#[doc(hidden)]
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Link {
    Uuid(uuid::Uuid),
    Integer(i64),
    Text(Arc<str>),
    /// A NULL foreign key: related to nothing.
    None,
}

impl Link {
    /// The link of a key column.
    pub fn new(value: Value) -> Self {
        match value {
            Value::Uuid(id) => Link::Uuid(id),
            Value::Integer(n) => Link::Integer(n),
            Value::Text(text) => Link::Text(text.into()),
            _ => Link::None,
        }
    }

    pub(super) fn value(&self) -> Value {
        match self {
            Link::Uuid(id) => Value::Uuid(*id),
            Link::Integer(n) => Value::Integer(*n),
            Link::Text(text) => Value::Text(text.to_string()),
            Link::None => Value::Null,
        }
    }

    pub(super) fn read(row: &Row<'_>, index: usize, kind: Kind) -> Result<Self, ReadError> {
        match kind {
            Kind::Uuid => row.uuid(index).map(Link::Uuid),
            Kind::Integer => row.integer(index).map(Link::Integer),
            Kind::Text => row.text(index).map(|text| Link::Text(text.into())),
            _ => Err(ReadError::new(index, "a key", "a value of a type that is no key")),
        }
    }
}
