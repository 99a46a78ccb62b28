//! Hashes of passwords that people bring along from another system: bcrypt, as `$2b$…`, and scrypt, as `$scrypt$ln=…` (PHC).
//!
//! They are verified once: at sign-in the password is hashed anew.

use bcrypt::HashParts;
use scrypt::phc::PasswordHash;
use scrypt::{Params, Scrypt};

/// The highest cost of bcrypt: about 2.5 seconds.
const BCRYPT_COST: u32 = 15;
/// The most memory that scrypt may take, in bytes: that of passlib's default, twice.
const SCRYPT_MEMORY: u64 = 128 * 1024 * 1024;
/// The most passes of scrypt.
const SCRYPT_PASSES: u32 = 4;

/// Whether a hash can be verified: its form is known, and its cost is bearable.
pub(crate) fn is_known(hash: &str) -> bool {
    bcrypt_parts(hash).is_some() || scrypt_parts(hash).is_some()
}

/// Whether a password has this hash; never for one that cannot be verified.
pub(crate) fn matches(password: &str, hash: &str) -> bool {
    use argon2::PasswordVerifier as _;
    if bcrypt_parts(hash).is_some() {
        return bcrypt::verify(password, hash).unwrap_or(false);
    }
    scrypt_parts(hash).is_some_and(|hash| Scrypt::new().verify_password(password.as_bytes(), &hash).is_ok())
}

fn bcrypt_parts(hash: &str) -> Option<HashParts> {
    hash.parse().ok().filter(|parts: &HashParts| parts.get_cost() <= BCRYPT_COST)
}

fn scrypt_parts(hash: &str) -> Option<PasswordHash> {
    let hash = PasswordHash::new(hash).ok().filter(|hash| hash.algorithm == scrypt::phc::ALG_ID)?;
    let cost = Params::try_from(&hash).ok()?;
    let memory = cost.n().checked_mul(128 * u64::from(cost.r()))?;
    (memory <= SCRYPT_MEMORY && cost.p() <= SCRYPT_PASSES).then_some(hash)
}
