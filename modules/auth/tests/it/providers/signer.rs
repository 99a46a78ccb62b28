//! Keys of the provider in these tests, and tokens that are signed with them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use serde_json::{Value, json};

/// An RSA key of these tests, in PKCS #8: it opens nothing. ring makes none itself.
const RSA: &[u8] = include_bytes!("rsa.pk8");

/// A key with its id.
pub struct Signer {
    id: Option<&'static str>,
    pair: SigningPair,
}

enum SigningPair {
    Rsa(Box<RsaKeyPair>),
    Curve(Box<EcdsaKeyPair>),
}

impl Signer {
    pub fn rsa(id: &'static str) -> Self {
        let pair = RsaKeyPair::from_pkcs8(RSA).expect("the test's key is one");
        Signer { id: Some(id), pair: SigningPair::Rsa(Box::new(pair)) }
    }

    /// A fresh key on the curve P-256.
    pub fn curve(id: &'static str) -> Self {
        Signer { id: Some(id), pair: fresh_curve() }
    }

    /// A fresh key that has no id, so that tokens name none.
    pub fn nameless() -> Self {
        Signer { id: None, pair: fresh_curve() }
    }

    /// Another key by the same algorithm and under the same id, for a curve.
    pub fn pretender(&self) -> Self {
        Signer { id: self.id, pair: fresh_curve() }
    }

    /// The public key, as it is published (RFC 7517).
    pub fn public(&self) -> Value {
        let mut key = match &self.pair {
            SigningPair::Rsa(pair) => {
                let numbers = PublicKeyComponents::<Vec<u8>>::from(pair.public());
                json!({"kty": "RSA", "use": "sig", "alg": "RS256", "n": encoded(&numbers.n), "e": encoded(&numbers.e)})
            }
            SigningPair::Curve(pair) => {
                let point = pair.public_key().as_ref();
                json!({"kty": "EC", "crv": "P-256", "x": encoded(&point[1..33]), "y": encoded(&point[33..])})
            }
        };
        if let Some(id) = self.id {
            key["kid"] = json!(id);
        }
        key
    }

    pub fn sign(&self, claims: &Value) -> String {
        let random = SystemRandom::new();
        let mut head = match self.pair {
            SigningPair::Rsa(_) => json!({"alg": "RS256", "typ": "JWT"}),
            SigningPair::Curve(_) => json!({"alg": "ES256", "typ": "JWT"}),
        };
        if let Some(id) = self.id {
            head["kid"] = json!(id);
        }
        let signed = signed_part(&head, claims);
        let signature = match &self.pair {
            SigningPair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature)
                    .expect("it can sign");
                signature
            }
            SigningPair::Curve(pair) => {
                pair.sign(&random, signed.as_bytes()).expect("it can sign").as_ref().to_vec()
            }
        };
        format!("{signed}.{}", encoded(&signature))
    }

    /// A token that says of itself that it is not signed.
    pub fn unsigned(claims: &Value) -> String {
        format!("{}.", signed_part(&json!({"alg": "none"}), claims))
    }

    /// A token that is signed with a secret, as if both sides knew it.
    pub fn shared(secret: &[u8], claims: &Value) -> String {
        let signed = signed_part(&json!({"alg": "HS256", "kid": "key-1"}), claims);
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
        let signature = ring::hmac::sign(&key, signed.as_bytes());
        format!("{signed}.{}", encoded(signature.as_ref()))
    }
}

fn fresh_curve() -> SigningPair {
    let random = SystemRandom::new();
    let made =
        EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key is made");
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.as_ref(), &random);
    SigningPair::Curve(Box::new(pair.expect("the key is one")))
}

fn signed_part(head: &Value, claims: &Value) -> String {
    format!("{}.{}", encoded(head.to_string().as_bytes()), encoded(claims.to_string().as_bytes()))
}

fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
