//! The token of a sign-in to the console: until when it holds and whose it is, signed.
//!
//! It needs no row, so it is as good in all processes that know the key. With the configured password the key is derived
//! from that, and who knows the password can make a token without asking anybody. So a command can ask the console of a
//! service that is too busy to check a password.

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use tenfold_data::Timestamp;

/// The name of the cookie that has the token.
pub const CONSOLE_COOKIE: &str = "tenfold-console";
/// Its name where `http.public_url` is https: browsers then bind it to this host and to TLS.
pub const CONSOLE_COOKIE_OF_HTTPS: &str = "__Host-tenfold-console";
/// The same in all processes, so that they derive the same key. It also defeats rainbow tables for plain passwords.
const SALT: &[u8] = b"tenfold-console/1";
/// The bytes before the operator's name: when it ends, and random bytes that make it unique.
const HEAD: usize = 24;
/// The bytes of its MAC, which come last.
const TAG: usize = 32;

/// A token as it was sent. Until [`is_signed`](Self::is_signed) says so, nothing of it is true.
pub struct ConsoleToken {
    /// What makes it unique.
    pub id: [u8; 16],
    /// Until when it holds.
    pub ends_at: Timestamp,
    /// The operator's name; empty for the one who has the configured password.
    pub name: String,
    signed: Vec<u8>,
    tag: Vec<u8>,
}

impl ConsoleToken {
    /// Reads a token; nothing if it is none.
    pub fn read(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (signed, tag) = bytes.split_at_checked(bytes.len().checked_sub(TAG)?)?;
        let (head, name) = signed.split_at_checked(HEAD)?;
        let (ends_at, id) = (head.first_chunk()?, head.last_chunk()?);
        Some(ConsoleToken {
            id: *id,
            ends_at: Timestamp::from_second(i64::from_be_bytes(*ends_at)).ok()?,
            name: String::from_utf8(name.to_vec()).ok()?,
            signed: signed.to_vec(),
            tag: tag.to_vec(),
        })
    }

    /// What tells it from all others, also from those with the same text but another signature.
    pub fn fingerprint(&self) -> [u8; 32] {
        Sha256::new().chain_update(&self.signed).chain_update(&self.tag).finalize().into()
    }

    /// Whether it was signed with this key. It takes the same time for each wrong one.
    pub fn is_signed(&self, key: &[u8]) -> bool {
        mac(key, &self.signed).verify_slice(&self.tag).is_ok()
    }
}

/// A new token, until a time and for the operator of this name, signed with a key.
///
/// # Errors
/// The operating system gives no random bytes.
pub fn sign_console_token(key: &[u8], name: &str, ends_at: Timestamp) -> anyhow::Result<String> {
    let mut head = [0; HEAD];
    getrandom::fill(&mut head)?;
    head[..8].copy_from_slice(&ends_at.as_second().to_be_bytes());
    let signed = [&head[..], name.as_bytes()].concat();
    let tag = mac(key, &signed).finalize().into_bytes();
    Ok(URL_SAFE_NO_PAD.encode([&signed[..], &tag[..]].concat()))
}

/// The key of the configured password (argon2id, 19 MiB): it takes some 20 ms, so that a stolen token does not make the
/// password quick to guess.
///
/// # Errors
/// There is not enough memory.
pub fn console_key(password: &str) -> anyhow::Result<[u8; 32]> {
    let failed = |error| anyhow::anyhow!("the console's key cannot be made: {error}");
    let params = Params::new(19 * 1024, 2, 1, Some(32)).map_err(failed)?;
    let mut key = [0; 32];
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon.hash_password_into(password.as_bytes(), SALT, &mut key).map_err(failed)?;
    Ok(key)
}

/// Whether two keys are the same. It takes the same time for each wrong one.
pub fn is_same_key(key: &[u8], tried: &[u8]) -> bool {
    mac(key, b"key").verify_slice(&mac(tried, b"key").finalize().into_bytes()).is_ok()
}

fn mac(key: &[u8], text: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(text);
    mac
}
