//! Session tokens: opaque to clients, readable to us before any lookup.
//!
//! `tf_` and, in base64url, organization (16 bytes), session (16), secret (16), MAC (16). The MAC is HMAC-SHA-256
//! over the rest, truncated to 128 bits. A token of another tenant cannot be forged, so its organization can be
//! trusted for admission and cache keys without a statement. The session's row holds only a hash of the secret.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use tenfold::data::Uuid;
use tenfold::prelude::*;

use crate::entities::SessionId;

const PREFIX: &str = "tf_";
const PART: usize = 16;

/// The key that signs the tokens of one application.
#[derive(Clone)]
pub(crate) struct SigningKey(Vec<u8>);

/// The content of a token.
pub(crate) struct Token {
    pub organization: OrgId,
    pub session: SessionId,
    secret: [u8; PART],
}

impl SigningKey {
    pub(crate) fn new(secret: Vec<u8>) -> Self {
        SigningKey(secret)
    }

    fn mac(&self, signed: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(signed);
        mac
    }
}

impl Token {
    /// A token with a fresh random secret.
    pub(crate) fn fresh(organization: OrgId, session: SessionId) -> Result<Self, getrandom::Error> {
        let mut secret = [0; PART];
        getrandom::fill(&mut secret)?;
        Ok(Token { organization, session, secret })
    }

    /// The text that the client keeps.
    pub(crate) fn sign(&self, key: &SigningKey) -> String {
        let mut bytes = Vec::with_capacity(4 * PART);
        bytes.extend_from_slice(self.organization.0.as_bytes());
        bytes.extend_from_slice(self.session.0.as_bytes());
        bytes.extend_from_slice(&self.secret);
        let mac = key.mac(&bytes).finalize().into_bytes();
        bytes.extend_from_slice(&mac[..PART]);
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Reads a token that this application signed; anything else is `None`.
    pub(crate) fn verify(text: &str, key: &SigningKey) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
        let bytes: &[u8; 4 * PART] = bytes.as_slice().try_into().ok()?;
        let (signed, mac) = bytes.split_at(3 * PART);
        // Compares in constant time.
        key.mac(signed).verify_truncated_left(mac).ok()?;
        Some(Token {
            organization: OrgId(Uuid::from_slice(&signed[..PART]).ok()?),
            session: SessionId(Uuid::from_slice(&signed[PART..2 * PART]).ok()?),
            secret: signed[2 * PART..].try_into().ok()?,
        })
    }

    /// The hash of the secret that the session's row keeps. The secret is random, so a fast hash is enough.
    pub(crate) fn secret_hash(&self) -> Vec<u8> {
        Sha256::digest(self.secret).to_vec()
    }
}
