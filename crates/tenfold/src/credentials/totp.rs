//! The codes of an authenticator application: TOTP (RFC 6238) with SHA-1, six digits and 30 seconds, which all of them know.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use tenfold_data::Timestamp;

/// The length of a period, in seconds.
const PERIOD: i64 = 30;
/// The bytes of a secret, as RFC 4226 recommends.
pub const SECRET: usize = 20;

/// The period of a time.
pub fn period_of(time: Timestamp) -> i64 {
    time.as_second().div_euclid(PERIOD)
}

/// The period whose code this is, if it is the current one, the one before or the one after: clocks differ, and people type
/// slowly.
pub fn period_of_code(secret: &[u8], code: &str, now: Timestamp) -> Option<i64> {
    let current = period_of(now);
    // All three are computed, so that the time tells nothing.
    let matches = |period: &i64| code_of(secret, *period) == code;
    [current - 1, current, current + 1].into_iter().rev().filter(matches).fold(None, |_, period| Some(period))
}

/// The code of a period, six digits.
pub fn code_of(secret: &[u8], period: i64) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.update(&period.to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let offset = usize::from(hash[19] & 15);
    let number = u32::from_be_bytes([hash[offset], hash[offset + 1], hash[offset + 2], hash[offset + 3]]);
    format!("{:06}", (number & 0x7fff_ffff) % 1_000_000)
}

/// Bytes in base32 without padding (RFC 4648), as authenticator applications take a secret.
pub fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut text = String::with_capacity(bytes.len() * 8 / 5 + 1);
    let (mut bits, mut held) = (0_u32, 0);
    for byte in bytes {
        bits = (bits << 8) | u32::from(*byte);
        held += 8;
        while held >= 5 {
            held -= 5;
            text.push(char::from(ALPHABET[(bits >> held) as usize & 31]));
        }
    }
    if held > 0 {
        text.push(char::from(ALPHABET[(bits << (5 - held)) as usize & 31]));
    }
    text
}
