//! The keys that a provider signs with (RFC 7517), and signatures by them.
//!
//! The signatures are checked by ring, which TLS brings along. Two algorithms are enough: RS256 is what every provider has (OpenID
//! Connect Core, section 15.1), ES256 is the common other one. None with a shared secret is here, so no public key can be taken for one.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;

/// How a token is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) enum SignatureAlgorithm {
    #[serde(rename = "RS256")]
    Rs256,
    #[serde(rename = "ES256")]
    Es256,
}

/// A set of keys. Those that cannot be read are left out: they may be for something else.
#[derive(Deserialize)]
pub(super) struct PublishedKeys {
    keys: Vec<serde_json::Value>,
}

impl PublishedKeys {
    pub(super) fn readable(self) -> Vec<PublishedKey> {
        self.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok()).collect()
    }
}

/// A key that a provider has published.
#[derive(Deserialize)]
pub(super) struct PublishedKey {
    kid: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    alg: Option<String>,
    #[serde(flatten)]
    numbers: KeyNumbers,
}

#[derive(Deserialize)]
#[serde(tag = "kty")]
enum KeyNumbers {
    #[serde(rename = "RSA")]
    Rsa { n: String, e: String },
    #[serde(rename = "EC")]
    Curve { crv: String, x: String, y: String },
}

impl PublishedKey {
    /// Whether a token by this algorithm, and this key's id if it names one, may be signed with it.
    pub(super) fn fits(&self, algorithm: SignatureAlgorithm, id: Option<&str>) -> bool {
        let (is_kind, name) = match algorithm {
            SignatureAlgorithm::Rs256 => (matches!(self.numbers, KeyNumbers::Rsa { .. }), "RS256"),
            SignatureAlgorithm::Es256 => (matches!(self.numbers, KeyNumbers::Curve { .. }), "ES256"),
        };
        is_kind
            && self.purpose.as_deref().is_none_or(|purpose| purpose == "sig")
            && self.alg.as_deref().is_none_or(|known| known == name)
            && id.is_none_or(|id| self.kid.as_deref() == Some(id))
    }

    /// Whether the signature is one by this key.
    pub(super) fn has_signed(&self, text: &[u8], signature: &[u8]) -> bool {
        let number = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
        match &self.numbers {
            KeyNumbers::Rsa { n, e } => {
                let (Some(n), Some(e)) = (number(n), number(e)) else { return false };
                // It refuses keys of less than 2048 bits.
                let key = RsaPublicKeyComponents { n, e };
                key.verify(&RSA_PKCS1_2048_8192_SHA256, text, signature).is_ok()
            }
            KeyNumbers::Curve { crv, x, y } => {
                let (Some(x), Some(y)) = (number(x), number(y)) else { return false };
                // A point that is not compressed (SEC 1, section 2.3.3).
                let point = [&[4_u8][..], &x, &y].concat();
                let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
                crv == "P-256" && key.verify(text, signature).is_ok()
            }
        }
    }
}
