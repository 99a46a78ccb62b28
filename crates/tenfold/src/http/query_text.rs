//! Reads the parameters of a query string. What does not fit is told by the parameter's name and what is allowed, in words of the API:
//! those of the libraries that read numbers say neither.

use std::borrow::Cow;
use std::fmt::{self, Display};

use percent_encoding::percent_decode_str;
use serde::de::value::CowStrDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Expected, IntoDeserializer as _, MapAccess, Unexpected,
    Visitor,
};
use serde::forward_to_deserialize_any;

/// Names and values of the parameters, decoded, in their order.
pub(super) fn parameters(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name), decoded(value))
    })
}

/// A space may be written as `+` (the form that forms are sent in).
fn decoded(text: &str) -> Cow<'_, str> {
    match text.contains('+') {
        false => percent_decode_str(text).decode_utf8_lossy(),
        true => percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned().into(),
    }
}

/// Reads them as the fields of a `T`.
pub(super) fn read<T: DeserializeOwned>(query: &str) -> Result<T, ParameterFault> {
    T::deserialize(QueryText { rest: parameters(query), next: None })
}

/// What is wrong with a parameter.
#[derive(Debug, Default)]
pub(super) struct ParameterFault {
    /// Empty until it is known.
    name: String,
    detail: String,
}

impl ParameterFault {
    fn of(mut self, name: &str) -> Self {
        if self.name.is_empty() {
            name.clone_into(&mut self.name);
        }
        self
    }

    fn named(name: &str, detail: String) -> Self {
        ParameterFault { name: name.to_owned(), detail }
    }
}

impl Display for ParameterFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name.is_empty() {
            true => f.write_str(&self.detail),
            false => write!(f, "{}: {}", self.name, self.detail),
        }
    }
}

impl std::error::Error for ParameterFault {}

impl serde::de::Error for ParameterFault {
    fn custom<T: Display>(message: T) -> Self {
        ParameterFault { name: String::new(), detail: message.to_string() }
    }

    fn invalid_type(sent: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_value(sent, expected)
    }

    fn invalid_value(sent: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = expected.to_string();
        let allowed = allowed(&expected);
        Self::custom(match sent {
            Unexpected::Str(text) => format!("{:?} is not {allowed}", beginning(text)),
            other => format!("{other} is not {allowed}"),
        })
    }

    fn unknown_variant(sent: &str, expected: &'static [&'static str]) -> Self {
        Self::custom(format!("{:?} is not one of {}", beginning(sent), expected.join(", ")))
    }

    fn unknown_field(name: &str, expected: &'static [&'static str]) -> Self {
        Self::named(beginning(name), format!("it is unknown; the known ones are {}", expected.join(", ")))
    }

    fn missing_field(name: &'static str) -> Self {
        Self::named(name, "it is missing".to_owned())
    }

    fn duplicate_field(name: &'static str) -> Self {
        Self::named(name, "it is given more than once".to_owned())
    }
}

/// What serde's names of types mean to a client; other words are those of a type of ours.
pub(super) fn allowed(expected: &str) -> Cow<'_, str> {
    macro_rules! whole_number {
        ($($name:ident)*) => {
            match expected {
                $(stringify!($name) => {
                    return format!("a whole number from {} to {}", $name::MIN, $name::MAX).into();
                })*
                "f32" | "f64" => "a number".into(),
                "i64" | "i128" | "isize" => "a whole number".into(),
                "u64" | "u128" | "usize" => "a whole number, 0 or more".into(),
                "a boolean" => "true or false".into(),
                name if name.starts_with("struct ") => "an object".into(),
                name if name.starts_with("enum ") => "one of its names".into(),
                other => other.into(),
            }
        };
    }
    whole_number!(i8 i16 i32 u8 u16 u32)
}

/// The first 100 characters: a value may be as long as the address.
fn beginning(text: &str) -> &str {
    text.char_indices().nth(100).map_or(text, |(end, _)| &text[..end])
}

/// The parameters, as a map.
struct QueryText<'de, I> {
    rest: I,
    /// The one whose name has been read.
    next: Option<(Cow<'de, str>, Cow<'de, str>)>,
}

impl<'de, I: Iterator<Item = (Cow<'de, str>, Cow<'de, str>)>> Deserializer<'de> for QueryText<'de, I> {
    type Error = ParameterFault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ParameterFault> {
        visitor.visit_map(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ParameterFault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ParameterFault> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de, I: Iterator<Item = (Cow<'de, str>, Cow<'de, str>)>> MapAccess<'de> for QueryText<'de, I> {
    type Error = ParameterFault;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, ParameterFault> {
        self.next = self.rest.next();
        let Some((name, _)) = &self.next else { return Ok(None) };
        let reader: CowStrDeserializer<'_, ParameterFault> = name.clone().into_deserializer();
        seed.deserialize(reader).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, ParameterFault> {
        let (name, text) = self.next.take().unwrap_or_default();
        seed.deserialize(ParameterText(text)).map_err(|fault| fault.of(beginning(&name)))
    }
}

/// The value of a parameter.
struct ParameterText<'de>(Cow<'de, str>);

/// Reads a value by its type. A text that does not fit is handed to the visitor, which says what it expects.
macro_rules! parsed {
    ($($method:ident $visit:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ParameterFault> {
            match self.0.parse() {
                Ok(value) => visitor.$visit(value),
                Err(_) => visitor.visit_str(&self.0),
            }
        })*
    };
}

impl<'de> Deserializer<'de> for ParameterText<'de> {
    type Error = ParameterFault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ParameterFault> {
        match self.0 {
            Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
            Cow::Owned(text) => visitor.visit_string(text),
        }
    }

    parsed! {
        deserialize_bool visit_bool deserialize_i8 visit_i8 deserialize_i16 visit_i16 deserialize_i32 visit_i32
        deserialize_i64 visit_i64 deserialize_i128 visit_i128 deserialize_u8 visit_u8 deserialize_u16 visit_u16
        deserialize_u32 visit_u32 deserialize_u64 visit_u64 deserialize_u128 visit_u128 deserialize_f32 visit_f32
        deserialize_f64 visit_f64
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ParameterFault> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ParameterFault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ParameterFault> {
        let reader: CowStrDeserializer<'_, ParameterFault> = self.0.into_deserializer();
        visitor.visit_enum(reader)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ParameterFault> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::read;
    use crate::http::validated::{Int, Text};

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Order {
        Up,
        Down,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        page: u16,
        stars: Option<Int<0, 5>>,
        since: Option<u64>,
        share: Option<f64>,
        is_open: Option<bool>,
        order: Option<Order>,
        name: Option<Text<1, 9>>,
    }

    fn fault(query: &str) -> String {
        read::<Asked>(query).map_or_else(|fault| fault.to_string(), |_| "none".to_owned())
    }

    #[test]
    fn values_are_read_by_their_types() {
        let asked: Asked =
            read("page=7&&stars=5&since=9&share=0.5&is_open=true&order=down&name=a+b%20%C3%A9")
                .expect("it can be read");
        assert_eq!((asked.page, asked.stars.map(Int::get)), (7, Some(5)));
        assert_eq!((asked.since, asked.share, asked.is_open), (Some(9), Some(0.5), Some(true)));
        assert!(matches!(asked.order, Some(Order::Down)));
        assert_eq!(asked.name.map(Text::into_inner).as_deref(), Some("a b é"));
        assert!(matches!(read::<Asked>("page=1&order=up"), Ok(Asked { order: Some(Order::Up), .. })));
    }

    #[test]
    fn a_fault_names_the_parameter_and_what_is_allowed() {
        for (query, told) in [
            ("page=many", "page: \"many\" is not a whole number from 0 to 65535"),
            ("page=", "page: \"\" is not a whole number from 0 to 65535"),
            ("page=70000", "page: \"70000\" is not a whole number from 0 to 65535"),
            ("page=1&stars=many", "stars: \"many\" is not a whole number from 0 to 5"),
            ("page=1&stars=6", "stars: 6 is not from 0 to 5"),
            ("page=1&since=x", "since: \"x\" is not a whole number, 0 or more"),
            ("page=1&share=x", "share: \"x\" is not a number"),
            ("page=1&is_open=yes", "is_open: \"yes\" is not true or false"),
            ("page=1&order=left", "order: \"left\" is not one of up, down"),
            ("page=1&name=", "name: text of 0 characters: 1 to 9 are allowed"),
            ("page=1&page=2", "page: it is given more than once"),
            ("stars=1", "page: it is missing"),
            (
                "pages=1",
                "pages: it is unknown; the known ones are page, stars, since, share, is_open, order, name",
            ),
        ] {
            assert_eq!(fault(query), told, "{query}");
        }
    }
}
