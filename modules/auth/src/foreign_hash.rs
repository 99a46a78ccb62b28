//! Hashes of passwords that people bring along from another system: bcrypt, as `$2b$…`, scrypt, as `$scrypt$ln=…`, and argon2id, as
//! `$argon2id$…` (PHC).
//!
//! They are verified once: at sign-in the password is hashed anew. Who brings one along says what it costs to verify, so the costs have
//! bounds, which are looked at before any is computed.

use argon2::password_hash::phc::PasswordHash as Argon2Hash;
use bcrypt::HashParts;
use scrypt::phc::PasswordHash;
use scrypt::{Params, Scrypt};

/// The costs of bcrypt: its least, and about 0.6 seconds.
const BCRYPT_COSTS: std::ops::RangeInclusive<u32> = 4..=13;
/// The bytes of a password that bcrypt looks at.
const BCRYPT_BYTES: usize = 72;
/// The most memory that scrypt may take for its table, in bytes: that of passlib's default, twice.
const SCRYPT_MEMORY: u64 = 128 * 1024 * 1024;
/// The largest block of scrypt, in units of 128 bytes.
const SCRYPT_BLOCK: u32 = 32;
/// The most passes of scrypt, or of argon2, and the most lanes of argon2.
const PASSES: u32 = 4;
/// The most memory of argon2, in KiB.
const ARGON2_MEMORY: u32 = 64 * 1024;

/// Whether a hash can be verified: its form is known, and its cost is bearable.
pub(crate) fn is_known(hash: &str) -> bool {
    bcrypt_parts(hash).is_some() || scrypt_parts(hash).is_some() || is_argon2(hash)
}

/// Whether a password has this hash of bcrypt or scrypt; never for one that cannot be verified.
pub(crate) fn matches(password: &str, hash: &str) -> bool {
    use argon2::PasswordVerifier as _;
    if bcrypt_parts(hash).is_some() {
        return bcrypt::verify(password, hash).unwrap_or(false);
    }
    scrypt_parts(hash).is_some_and(|hash| Scrypt::new().verify_password(password.as_bytes(), &hash).is_ok())
}

/// Whether a password that matches is the one that was hashed: bcrypt looks at no more than its beginning.
pub(crate) fn is_whole(password: &str, hash: &str) -> bool {
    bcrypt_parts(hash).is_none() || password.len() <= BCRYPT_BYTES
}

fn bcrypt_parts(hash: &str) -> Option<HashParts> {
    hash.parse().ok().filter(|parts: &HashParts| BCRYPT_COSTS.contains(&parts.get_cost()))
}

fn scrypt_parts(hash: &str) -> Option<PasswordHash> {
    let hash = PasswordHash::new(hash).ok().filter(|hash| hash.algorithm == scrypt::phc::ALG_ID)?;
    let is_within =
        |name: &str, most: u32| hash.params.get_decimal(name).is_some_and(|n| (1..=most).contains(&n));
    // Looked at first: the library multiplies the two.
    if !is_within("r", SCRYPT_BLOCK) || !is_within("p", PASSES) {
        return None;
    }
    let cost = Params::try_from(&hash).ok()?;
    let memory = cost.n().checked_mul(128 * u64::from(cost.r()))?;
    (memory <= SCRYPT_MEMORY).then_some(hash)
}

fn is_argon2(hash: &str) -> bool {
    let Ok(hash) = Argon2Hash::new(hash) else { return false };
    let Ok(cost) = argon2::Params::try_from(&hash.params) else { return false };
    let is_bearable = cost.m_cost() <= ARGON2_MEMORY && cost.t_cost() <= PASSES && cost.p_cost() <= PASSES;
    hash.algorithm.as_str() == "argon2id" && hash.salt.is_some() && hash.hash.is_some() && is_bearable
}
