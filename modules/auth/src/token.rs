//! Tokens of sessions and API keys: opaque to clients, readable to us before any lookup.
//!
//! A prefix and, in base64url, organization (16 bytes), session or key (16), secret (16), MAC (16). The MAC is HMAC-SHA-256
//! over the rest, truncated to 128 bits. A token of another tenant cannot be forged, so its organization can be
//! trusted for admission and cache keys without a statement. The row holds only a hash of the secret. The prefix is `tf_` for
//! a session; for an API key it is `tfk_`, the last bytes of its id, which people know it by, and `_`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use tenfold::data::Uuid;
use tenfold::prelude::*;

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// A person is signed in.
    Session,
    /// A program works in an organization.
    ApiKey,
}

impl TokenKind {
    /// What the token of this session or key begins with.
    pub(crate) fn prefix(self, id: Uuid) -> String {
        match self {
            TokenKind::Session => "tf_".to_owned(),
            TokenKind::ApiKey => format!("tfk_{:08x}_", id.as_u128() as u32),
        }
    }

    /// The kind of a text, and what follows the prefix.
    fn split(text: &str) -> Option<(Self, &str)> {
        if let Some(rest) = text.strip_prefix("tf_") {
            return Some((TokenKind::Session, rest));
        }
        let (_, rest) = text.strip_prefix("tfk_")?.split_once('_')?;
        Some((TokenKind::ApiKey, rest))
    }

    /// What the MAC covers in addition, so that a token of one kind is none of the other.
    fn mark(self) -> &'static [u8] {
        match self {
            TokenKind::Session => b"",
            TokenKind::ApiKey => b"key",
        }
    }
}

const PART: usize = 16;

/// The key that signs the tokens of one application, as the state of an HMAC that has taken it: each request checks a token twice,
/// before it is admitted and when it is authenticated.
#[derive(Clone)]
pub(crate) struct SigningKey(Hmac<Sha256>);

/// The content of a token.
pub(crate) struct Token {
    pub kind: TokenKind,
    pub organization: OrgId,
    /// The session or the key.
    pub id: Uuid,
    secret: [u8; PART],
}

impl SigningKey {
    pub(crate) fn new(secret: &[u8]) -> Self {
        SigningKey(Hmac::new_from_slice(secret).expect("HMAC takes a key of any length"))
    }

    fn mac(&self, kind: TokenKind, signed: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(signed);
        mac.update(kind.mark());
        mac
    }
}

impl Token {
    /// A token with a fresh random secret.
    pub(crate) fn fresh(kind: TokenKind, organization: OrgId, id: Uuid) -> Result<Self, getrandom::Error> {
        let mut secret = [0; PART];
        getrandom::fill(&mut secret)?;
        Ok(Token { kind, organization, id, secret })
    }

    /// The text that the client keeps.
    pub(crate) fn sign(&self, key: &SigningKey) -> String {
        let mut bytes = Vec::with_capacity(4 * PART);
        bytes.extend_from_slice(self.organization.0.as_bytes());
        bytes.extend_from_slice(self.id.as_bytes());
        bytes.extend_from_slice(&self.secret);
        let mac = key.mac(self.kind, &bytes).finalize().into_bytes();
        bytes.extend_from_slice(&mac[..PART]);
        self.kind.prefix(self.id) + &URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a token that this application signed; anything else is `None`.
    pub(crate) fn verify(text: &str, key: &SigningKey) -> Option<Self> {
        let (kind, encoded) = TokenKind::split(text)?;
        let bytes = URL_SAFE_NO_PAD.decode(encoded).ok()?;
        let bytes: &[u8; 4 * PART] = bytes.as_slice().try_into().ok()?;
        let (signed, mac) = bytes.split_at(3 * PART);
        // Compares in constant time.
        key.mac(kind, signed).verify_truncated_left(mac).ok()?;
        let token = Token {
            kind,
            organization: OrgId(Uuid::from_slice(&signed[..PART]).ok()?),
            id: Uuid::from_slice(&signed[PART..2 * PART]).ok()?,
            secret: signed[2 * PART..].try_into().ok()?,
        };
        text.starts_with(&kind.prefix(token.id)).then_some(token)
    }

    /// The hash of the secret that the row keeps. The secret is random, so a fast hash is enough.
    pub(crate) fn secret_hash(&self) -> Vec<u8> {
        Sha256::digest(self.secret).to_vec()
    }
}
