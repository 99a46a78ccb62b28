//! An address to sign in with, and the one form in which it is stored, looked up and counted.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use tenfold::http::is_invisible;
use unicode_normalization::UnicodeNormalization as _;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

/// The longest address to which mail can be sent (RFC 5321, section 4.5.3.1.3, without the angle brackets).
const MAX_LENGTH: usize = 254;

/// A well-formed address; only sending a mail shows whether it exists. Stored in [`canonical`] form, so that one
/// person does not get two accounts, and two people do not get accounts that look alike.
pub(crate) struct Email(String);

impl Email {
    /// Reads an address.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let address = canonical(text);
        match objection(&address) {
            Some(why) => Err(why),
            None => Ok(Email(address)),
        }
    }

    pub(crate) fn into_inner(self) -> String {
        self.0
    }
}

/// The form that is stored and looked up: compatibility characters replaced by their plain ones (NFKC, such as
/// full-width letters), lower case, composed, and without trailing dots of the domain, which do not change its
/// meaning. It accepts any text; one that is not an address matches no stored one.
pub(crate) fn canonical(text: &str) -> String {
    // A capital sigma can stand for either of the two small ones.
    let folded =
        text.nfkc().flat_map(char::to_lowercase).map(|letter| if letter == 'ς' { 'σ' } else { letter });
    // Lower case may decompose: İ becomes i and a combining dot.
    let folded: String = folded.nfkc().collect();
    folded.trim_end_matches('.').to_owned()
}

/// Scripts with letters that look alike.
#[derive(PartialEq, Eq)]
enum LetterScript {
    Latin,
    Greek,
    Cyrillic,
}

fn script(letter: char) -> Option<LetterScript> {
    match letter {
        'a'..='z' | 'A'..='Z' | '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' => Some(LetterScript::Latin),
        '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' => Some(LetterScript::Greek),
        '\u{400}'..='\u{52f}'
        | '\u{1c80}'..='\u{1c8a}'
        | '\u{2de0}'..='\u{2dff}'
        | '\u{a640}'..='\u{a69f}' => Some(LetterScript::Cyrillic),
        _ => None,
    }
}

/// Whether one part of the address (between dots, `@`, `-`, `_` and `+`) mixes scripts, such as `pаypal` with a
/// Cyrillic а. A part entirely in another script may still look like a Latin one; the owner of such a domain has a
/// name in that language.
fn mixes_scripts(address: &str) -> bool {
    address.split(['@', '.', '-', '_', '+']).any(|part| {
        let mut scripts = part.chars().filter_map(script);
        let first = scripts.next();
        scripts.any(|script| Some(script) != first)
    })
}

/// What is wrong with an address in its canonical form.
fn objection(address: &str) -> Option<&'static str> {
    let parts = address.split_once('@').filter(|(local, domain)| !local.is_empty() && !domain.is_empty());
    let plain = address.chars().all(|letter| !letter.is_whitespace() && !letter.is_control());
    let single = address.matches('@').count() == 1;
    if parts.is_none() || !plain || !single || address.chars().count() > MAX_LENGTH {
        return Some("use an address such as name@example.com, without spaces, at most 254 characters");
    }
    if address.chars().any(is_invisible) {
        return Some("it contains an invisible character; type it again");
    }
    mixes_scripts(address).then_some("one part mixes Latin, Greek or Cyrillic letters, which look alike")
}

impl<'de> Deserialize<'de> for Email {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Email::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
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
