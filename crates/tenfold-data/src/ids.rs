//! Ids: UUIDs that cannot be confused with another entity's.

use uuid::Uuid;

/// The schema of an id in an OpenAPI document.
#[doc(hidden)]
pub fn uuid_schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
    use utoipa::openapi::schema::{ObjectBuilder, SchemaFormat, SchemaType, Type};
    ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::String))
        .format(Some(SchemaFormat::Custom("uuid".to_owned())))
        .into()
}

/// Reads an id. Text that is not a UUID is told as that: the words of the library that parses it say nothing to a client.
///
/// # Errors
/// When it is not a UUID.
#[doc(hidden)]
pub fn read_uuid<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Uuid, D::Error> {
    match deserializer.is_human_readable() {
        true => deserializer.deserialize_str(UuidText),
        false => serde::Deserialize::deserialize(deserializer),
    }
}

struct UuidText;

impl serde::de::Visitor<'_> for UuidText {
    type Value = Uuid;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a UUID")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Uuid, E> {
        Uuid::try_parse(text).map_err(|_| E::invalid_value(serde::de::Unexpected::Str(text), &self))
    }
}

/// Declares an id type: a UUID that cannot be confused with another entity's.
///
/// `id!(/// A project. ProjectId)` writes a `Copy` newtype over [`Uuid`] with serde, `Display`, `FromStr`,
/// and the traits that make it a column and a key.
#[macro_export]
macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $crate::Uuid);
        $crate::id_impls!($name);
    };
}

/// What [`id!`] implements for every id.
#[doc(hidden)]
#[macro_export]
macro_rules! id_impls {
    ($name:ident) => {
        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                self.0.fmt(f)
            }
        }
        impl ::std::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
        impl ::std::str::FromStr for $name {
            type Err = $crate::UuidError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map($name)
            }
        }
        impl $crate::ColumnType for $name {
            const KIND: $crate::Kind = $crate::Kind::Uuid;
            fn to_value(&self) -> $crate::Value {
                $crate::Value::Uuid(self.0)
            }
            fn read(row: &$crate::Row<'_>, index: usize) -> Result<Self, $crate::ReadError> {
                row.uuid(index).map($name)
            }
        }
        impl $crate::KeyType for $name {}
        impl $crate::utoipa::PartialSchema for $name {
            fn schema() -> $crate::utoipa::openapi::RefOr<$crate::utoipa::openapi::schema::Schema> {
                $crate::uuid_schema()
            }
        }
        impl $crate::utoipa::ToSchema for $name {}
        impl $crate::serde::Serialize for $name {
            fn serialize<S: $crate::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $crate::serde::Serialize::serialize(&self.0, serializer)
            }
        }
        impl<'de> $crate::serde::Deserialize<'de> for $name {
            fn deserialize<D: $crate::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::read_uuid(deserializer).map($name)
            }
        }
    };
}
