//! An address to sign in with.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

/// The longest address that a mail can be sent to (RFC 5321, section 4.5.3.1.3, less the angle brackets).
const MAX_LENGTH: usize = 254;

/// One part, `@`, another part; only a mail shows whether there is somebody. Kept in lower case, so that one
/// person does not get two accounts.
pub(crate) struct Email(String);

impl Email {
    pub(crate) fn into_inner(self) -> String {
        self.0
    }
}

impl<'de> Deserialize<'de> for Email {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let parts = text.split_once('@').filter(|(local, domain)| !local.is_empty() && !domain.is_empty());
        let plain = text.chars().all(|letter| !letter.is_whitespace() && !letter.is_control());
        let single = text.matches('@').count() == 1;
        if parts.is_none() || !plain || !single || text.chars().count() > MAX_LENGTH {
            let what =
                "an address like name@example.com is wanted, without spaces, of 254 characters at most";
            return Err(D::Error::custom(what));
        }
        Ok(Email(text.to_lowercase()))
    }
}

impl PartialSchema for Email {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::String))
            .max_length(Some(MAX_LENGTH))
            .pattern(Some(r"^[^\s@\u0000-\u001f\u007f-\u009f]+@[^\s@\u0000-\u001f\u007f-\u009f]+$"))
            .into()
    }
}

impl ToSchema for Email {}
