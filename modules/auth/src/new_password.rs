//! A new password: long enough, not too long, and not a common one.

use std::collections::HashSet;
use std::sync::LazyLock;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use tenfold::prelude::*;
use unicode_normalization::UnicodeNormalization as _;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

/// The fewest characters.
const SHORTEST: usize = 8;
/// The most bytes of UTF-8, after normalization.
const LONGEST: usize = 1024;

/// The 3,000 most common passwords of [`SHORTEST`] characters or more; `common_passwords.LICENSE` names their source.
static COMMON: LazyLock<HashSet<&str>> =
    LazyLock::new(|| include_str!("common_passwords.txt").lines().collect());

/// The form of a text that is hashed: one keyboard may write a letter as one character, another as two (NFC, as RFC
/// 8265 prescribes for passwords).
pub(crate) fn normalized(password: &str) -> String {
    password.nfc().collect()
}

/// A normalized password of [`SHORTEST`] characters to [`LONGEST`] bytes, without control characters, that is not common.
pub(crate) struct NewPassword(String);

impl NewPassword {
    pub(crate) fn into_inner(self) -> String {
        self.0
    }

    /// Refuses the person's own address, or the part before its `@`.
    ///
    /// # Errors
    /// 422, which names the field.
    pub(crate) fn unlike(&self, email: &str) -> Result<(), Problem> {
        let folded = folded(&self.0);
        let local = email.split('@').next().unwrap_or_default();
        if folded == email || folded == local {
            return Err(Problem::invalid(
                "password: it is your email address, or its first part; choose another",
            ));
        }
        Ok(())
    }
}

fn folded(password: &str) -> String {
    password.nfkc().flat_map(char::to_lowercase).collect()
}

impl<'de> Deserialize<'de> for NewPassword {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let password = normalized(&String::deserialize(deserializer)?);
        let length = password.chars().count();
        if length < SHORTEST {
            return Err(D::Error::custom(format!("{length} characters: it must have at least {SHORTEST}")));
        }
        if password.len() > LONGEST {
            let bytes = password.len();
            return Err(D::Error::custom(format!("{bytes} bytes: it may have at most {LONGEST}")));
        }
        if password.chars().any(char::is_control) {
            return Err(D::Error::custom("control characters are not allowed"));
        }
        if COMMON.contains(folded(&password).as_str()) {
            return Err(D::Error::custom("it is one of the most common passwords; choose another"));
        }
        Ok(NewPassword(password))
    }
}

impl PartialSchema for NewPassword {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::String))
            .min_length(Some(SHORTEST))
            .max_length(Some(LONGEST))
            .pattern(Some(r"^[^\u0000-\u001f\u007f-\u009f]*$"))
            .into()
    }
}

impl ToSchema for NewPassword {}
