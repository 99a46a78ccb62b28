//! ID tokens: a signed statement of a provider (OpenID Connect Core, section 3.1.3.7; RFC 7515).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer};
use tenfold::prelude::*;

use super::keys::{PublishedKey, SignatureAlgorithm};

/// By how much the clocks of two machines may differ.
const SKEW: Duration = Duration::from_secs(60);

/// The longest ID token that is read, in bytes.
const LONGEST: usize = 64 * 1024;

/// The head of a token. One with an algorithm that is not allowed, such as `none`, is none.
#[derive(Deserialize)]
struct TokenHead {
    alg: SignatureAlgorithm,
    kid: Option<String>,
    /// Extensions that must be understood; none is.
    crit: Option<serde_json::Value>,
}

/// A token whose signature is not checked yet.
pub(super) struct SignedToken<'t> {
    head: TokenHead,
    signed: &'t str,
    content: Vec<u8>,
    signature: Vec<u8>,
}

impl<'t> SignedToken<'t> {
    /// Takes a token apart.
    ///
    /// # Errors
    /// Why it is none of those that are allowed.
    pub(super) fn parse(text: &'t str) -> Result<Self, &'static str> {
        const EXPECTED: &str = "the ID token has not the form of one that is signed";
        if text.len() > LONGEST {
            return Err("the ID token is too long");
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(EXPECTED)?;
        let (head, content) = signed.split_once('.').ok_or(EXPECTED)?;
        let bytes = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| EXPECTED);
        let head: TokenHead = serde_json::from_slice(&bytes(head)?)
            .map_err(|_| "the ID token is not signed by RS256 or ES256, which alone are allowed")?;
        if head.crit.is_some() {
            return Err("the ID token has extensions that are not understood");
        }
        Ok(SignedToken { head, signed, content: bytes(content)?, signature: bytes(signature)? })
    }

    /// What it says, if one of these keys has signed it; none if no key fits.
    ///
    /// # Errors
    /// The key that it names has not signed it.
    pub(super) fn verified(&self, keys: &[PublishedKey]) -> Result<Option<IdClaims>, &'static str> {
        let id = self.head.kid.as_deref();
        let mut fitting = keys.iter().filter(|key| key.fits(self.head.alg, id)).peekable();
        if fitting.peek().is_none() {
            return Ok(None);
        }
        if !fitting.any(|key| key.has_signed(self.signed.as_bytes(), &self.signature)) {
            // Without an id it may be signed with a key that is newer than those that are known.
            return if id.is_none() { Ok(None) } else { Err("the signature of the ID token is wrong") };
        }
        serde_json::from_slice(&self.content)
            .map(Some)
            .map_err(|_| "the ID token lacks a claim that every one has")
    }
}

/// What an ID token says.
#[derive(Deserialize)]
pub(super) struct IdClaims {
    pub(super) iss: String,
    pub(super) sub: String,
    #[serde(deserialize_with = "one_or_many")]
    aud: Vec<String>,
    azp: Option<String>,
    exp: f64,
    nbf: Option<f64>,
    nonce: Option<String>,
    /// The domain of an organization at Google.
    pub(super) hd: Option<String>,
    #[serde(flatten)]
    pub(super) person: PersonClaims,
}

/// What is said of the person, in an ID token or apart from it.
#[derive(Deserialize)]
pub(super) struct PersonClaims {
    pub(super) email: Option<String>,
    /// None if it is not said.
    #[serde(default, deserialize_with = "truth")]
    pub(super) email_verified: Option<bool>,
    pub(super) name: Option<String>,
}

impl PersonClaims {
    /// The address, if the provider has verified it.
    pub(super) fn verified_email(&self) -> Option<String> {
        self.email.clone().filter(|_| self.email_verified == Some(true))
    }

    /// Whether it says which address the person has, and whether that is verified.
    pub(super) fn is_complete(&self) -> bool {
        self.email.is_some() && self.email_verified.is_some()
    }
}

/// What an ID token has to say.
pub(super) struct Expected<'e> {
    pub(super) issuer: &'e str,
    pub(super) client_id: &'e str,
    pub(super) nonce: &'e str,
    pub(super) now: Timestamp,
}

impl IdClaims {
    /// Checks for whom it is, and when.
    ///
    /// # Errors
    /// What is wrong.
    pub(super) fn check(&self, expected: &Expected<'_>) -> Result<(), &'static str> {
        let now = expected.now.as_second() as f64;
        let skew = SKEW.as_secs_f64();
        if self.iss != expected.issuer {
            return Err("the ID token is of another issuer");
        }
        if !self.aud.iter().any(|audience| audience == expected.client_id) {
            return Err("the ID token is for another application");
        }
        if self.azp.as_deref().map_or(self.aud.len() > 1, |party| party != expected.client_id) {
            return Err("the ID token was asked for by another application");
        }
        if now >= self.exp + skew {
            return Err("the ID token has expired");
        }
        if self.nbf.is_some_and(|begin| now < begin - skew) {
            return Err("the ID token is not valid yet: compare the clocks of both machines");
        }
        if self.nonce.as_deref() != Some(expected.nonce) {
            return Err("the ID token is of another attempt (nonce)");
        }
        if self.sub.is_empty() || self.sub.len() > 255 {
            return Err("the ID token says of nobody that it is of somebody (sub)");
        }
        Ok(())
    }
}

fn one_or_many<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    Ok(match OneOrMany::deserialize(from)? {
        OneOrMany::One(one) => vec![one],
        OneOrMany::Many(many) => many,
    })
}

/// Some providers write it as a text.
fn truth<'de, D: Deserializer<'de>>(from: D) -> Result<Option<bool>, D::Error> {
    let value = serde_json::Value::deserialize(from)?;
    let is_true = value == serde_json::Value::Bool(true) || value.as_str() == Some("true");
    Ok((!value.is_null()).then_some(is_true))
}
