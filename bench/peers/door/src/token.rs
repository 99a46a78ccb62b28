//! The tokens of the reference backend (`modules/auth/src/token.rs`), checked in the same way.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

const PART: usize = 16;

/// What a token says.
pub struct Token {
    /// Whose rows.
    pub organization: Uuid,
    /// Which session.
    pub session: Uuid,
    secret: [u8; PART],
}

impl Token {
    /// Reads a token that `key` signed.
    pub fn verify(text: &str, key: &[u8]) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix("tf_")?).ok()?;
        let bytes: &[u8; 4 * PART] = bytes.as_slice().try_into().ok()?;
        let (signed, mac) = bytes.split_at(3 * PART);
        let mut expected = Hmac::<Sha256>::new_from_slice(key).ok()?;
        expected.update(signed);
        expected.verify_truncated_left(mac).ok()?;
        Some(Token {
            organization: Uuid::from_slice(&signed[..PART]).ok()?,
            session: Uuid::from_slice(&signed[PART..2 * PART]).ok()?,
            secret: signed[2 * PART..].try_into().ok()?,
        })
    }

    /// Whether it has the secret of the session's row.
    pub fn has_secret(&self, hash: &[u8]) -> bool {
        Sha256::digest(self.secret).as_slice() == hash
    }
}
