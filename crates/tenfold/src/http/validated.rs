//! Values with bounds: a field's type says what is allowed, requests are checked against it, and the OpenAPI document
//! shows it.

use std::fmt;
use std::ops::Deref;

use serde::de::{DeserializeOwned, Error, Visitor};
use serde::{Deserialize, Deserializer};
use utoipa::openapi::schema::{
    ArrayBuilder, KnownFormat, ObjectBuilder, Schema, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

/// The prefix of schemas that the document shows where they are used, since their names say nothing to a reader.
pub(super) const INLINE: &str = "inline.";

/// Text of `MIN` to `MAX` characters without control characters (a line break included).
#[derive(Clone, PartialEq, Eq)]
pub struct Text<const MIN: usize, const MAX: usize>(String);

impl<const MIN: usize, const MAX: usize> Text<MIN, MAX> {
    /// The text.
    pub fn into_inner(self) -> String {
        self.0
    }
}

impl<const MIN: usize, const MAX: usize> Deref for Text<MIN, MAX> {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const MIN: usize, const MAX: usize> fmt::Debug for Text<MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // It may be a password.
        write!(f, "Text({} characters)", self.0.chars().count())
    }
}

impl<'de, const MIN: usize, const MAX: usize> Deserialize<'de> for Text<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let length = text.chars().count();
        if !(MIN..=MAX).contains(&length) {
            return Err(D::Error::custom(format!("text of {length} characters: {MIN} to {MAX} are allowed")));
        }
        if text.chars().any(char::is_control) {
            return Err(D::Error::custom("control characters are not allowed"));
        }
        Ok(Text(text))
    }
}

impl<const MIN: usize, const MAX: usize> PartialSchema for Text<MIN, MAX> {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::String))
            .min_length(Some(MIN))
            .max_length(Some(MAX))
            .pattern(Some(r"^[^\u0000-\u001f\u007f-\u009f]*$"))
            .into()
    }
}

impl<const MIN: usize, const MAX: usize> ToSchema for Text<MIN, MAX> {
    fn name() -> std::borrow::Cow<'static, str> {
        format!("{INLINE}Text.{MIN}.{MAX}").into()
    }
}

/// A whole number from `MIN` to `MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Int<const MIN: i64, const MAX: i64>(i64);

impl<const MIN: i64, const MAX: i64> Int<MIN, MAX> {
    /// The number.
    pub fn get(self) -> i64 {
        self.0
    }
}

impl<'de, const MIN: i64, const MAX: i64> Deserialize<'de> for Int<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_i64(IntVisitor::<MIN, MAX>)
    }
}

/// Says what is allowed about values that are no whole numbers, too.
struct IntVisitor<const MIN: i64, const MAX: i64>;

impl<const MIN: i64, const MAX: i64> Visitor<'_> for IntVisitor<MIN, MAX> {
    type Value = Int<MIN, MAX>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from {MIN} to {MAX}")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        if (MIN..=MAX).contains(&number) {
            return Ok(Int(number));
        }
        Err(E::custom(format!("{number} is not from {MIN} to {MAX}")))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        match i64::try_from(number) {
            Ok(number) => self.visit_i64(number),
            Err(_) => Err(E::custom(format!("{number} is not from {MIN} to {MAX}"))),
        }
    }
}

impl<const MIN: i64, const MAX: i64> PartialSchema for Int<MIN, MAX> {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::Integer))
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
            .minimum(Some(MIN))
            .maximum(Some(MAX))
            .into()
    }
}

impl<const MIN: i64, const MAX: i64> ToSchema for Int<MIN, MAX> {
    fn name() -> std::borrow::Cow<'static, str> {
        format!("{INLINE}Int.{MIN}.{MAX}").into()
    }
}

/// A list of `MIN` to `MAX` items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List<T, const MIN: usize, const MAX: usize>(Vec<T>);

impl<T, const MIN: usize, const MAX: usize> List<T, MIN, MAX> {
    /// The items.
    pub fn into_inner(self) -> Vec<T> {
        self.0
    }
}

impl<T, const MIN: usize, const MAX: usize> Deref for List<T, MIN, MAX> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'de, T: DeserializeOwned, const MIN: usize, const MAX: usize> Deserialize<'de> for List<T, MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let items = Vec::deserialize(deserializer)?;
        if (MIN..=MAX).contains(&items.len()) {
            return Ok(List(items));
        }
        Err(D::Error::custom(format!("a list of {}: {MIN} to {MAX} are allowed", items.len())))
    }
}

impl<T: ToSchema, const MIN: usize, const MAX: usize> PartialSchema for List<T, MIN, MAX> {
    fn schema() -> RefOr<Schema> {
        // A type without fields is shown where it is used.
        let item = match T::schema() {
            RefOr::T(Schema::Object(object)) if !object.properties.is_empty() => {
                RefOr::Ref(Ref::from_schema_name(T::name()))
            }
            schema => schema,
        };
        ArrayBuilder::new().items(item).min_items(Some(MIN)).max_items(Some(MAX)).into()
    }
}

impl<T: ToSchema, const MIN: usize, const MAX: usize> ToSchema for List<T, MIN, MAX> {
    fn name() -> std::borrow::Cow<'static, str> {
        format!("{INLINE}List.{}.{MIN}.{MAX}", T::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(schemas);
    }
}

/// The address of a page or service: absolute, `http` or `https`, 2,048 characters at most, without a password in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebAddress(String);

impl WebAddress {
    /// The address, as it was sent.
    pub fn into_inner(self) -> String {
        self.0
    }
}

impl Deref for WebAddress {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

/// The most characters of a [`WebAddress`].
const LONGEST_ADDRESS: usize = 2048;

impl<'de> Deserialize<'de> for WebAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let uri = text.parse::<http::Uri>().ok().filter(|_| text.len() <= LONGEST_ADDRESS);
        let allowed = uri.is_some_and(|uri| {
            let host = uri.authority().filter(|authority| !authority.as_str().contains('@'));
            matches!(uri.scheme_str(), Some("http" | "https"))
                && host.is_some_and(|host| !host.host().is_empty())
        });
        if allowed {
            return Ok(WebAddress(text));
        }
        Err(D::Error::custom("not a web address: use https://host/path, at most 2,048 characters"))
    }
}

impl PartialSchema for WebAddress {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::String))
            .format(Some(SchemaFormat::Custom("uri".to_owned())))
            .pattern(Some("^https?://[^/@]+"))
            .max_length(Some(LONGEST_ADDRESS))
            .into()
    }
}

impl ToSchema for WebAddress {
    fn name() -> std::borrow::Cow<'static, str> {
        format!("{INLINE}WebAddress").into()
    }
}

/// An email address, as far as its form says: something, `@`, a domain, 254 bytes at most (RFC 5321, section 4.5.3.1.3).
/// Only sending a mail shows whether the address exists.
#[derive(Clone, PartialEq, Eq)]
pub struct EmailAddress(String);

impl EmailAddress {
    /// What is said of another text.
    pub(super) const ALLOWED: &'static str = "not an email address: use name@domain, at most 254 bytes";

    /// The address, as it was sent.
    pub fn into_inner(self) -> String {
        self.0
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // It identifies a person.
        write!(f, "EmailAddress({} bytes)", self.0.len())
    }
}

/// The most bytes of an [`EmailAddress`].
const LONGEST_EMAIL: usize = 254;

impl<'de> Deserialize<'de> for EmailAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let is_plain = |part: &str| {
            !part.is_empty()
                && !part
                    .contains(|letter: char| letter.is_whitespace() || letter.is_control() || letter == '@')
        };
        let parts = text.split_once('@').filter(|_| text.len() <= LONGEST_EMAIL);
        if parts.is_some_and(|(name, domain)| is_plain(name) && is_plain(domain)) {
            return Ok(EmailAddress(text));
        }
        Err(D::Error::custom(EmailAddress::ALLOWED))
    }
}

impl PartialSchema for EmailAddress {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::String))
            .format(Some(SchemaFormat::Custom("email".to_owned())))
            .max_length(Some(LONGEST_EMAIL))
            .into()
    }
}

impl ToSchema for EmailAddress {
    fn name() -> std::borrow::Cow<'static, str> {
        format!("{INLINE}EmailAddress").into()
    }
}

#[cfg(test)]
mod tests {
    use super::{EmailAddress, Int, List, Text, WebAddress};

    fn is_taken<T: serde::de::DeserializeOwned>(json: &str) -> bool {
        serde_json::from_str::<T>(json).is_ok()
    }

    #[test]
    fn numbers_and_lists_end_at_their_bounds() {
        assert!(is_taken::<Int<0, 5>>("0") && is_taken::<Int<0, 5>>("5"));
        assert!(!is_taken::<Int<0, 5>>("-1") && !is_taken::<Int<0, 5>>("6") && !is_taken::<Int<0, 5>>("1.5"));
        assert!(is_taken::<List<Text<1, 2>, 1, 2>>("[\"a\", \"ab\"]"));
        for wrong in ["[]", "[\"a\", \"b\", \"c\"]", "[\"abc\"]", "\"a\""] {
            assert!(!is_taken::<List<Text<1, 2>, 1, 2>>(wrong), "{wrong}");
        }
    }

    #[test]
    fn addresses_have_the_form_of_addresses() {
        assert!(is_taken::<WebAddress>("\"https://example.com/a?b=c\""));
        for wrong in
            ["ftp://example.com", "/path", "https://", "https://me:secret@example.com", "example.com"]
        {
            assert!(!is_taken::<WebAddress>(&format!("\"{wrong}\"")), "{wrong}");
        }
        assert!(is_taken::<EmailAddress>("\"ada@example.com\""));
        for wrong in ["ada", "@example.com", "ada@", "a b@example.com", "a@b@c"] {
            assert!(!is_taken::<EmailAddress>(&format!("\"{wrong}\"")), "{wrong}");
        }
    }
}
