//! The uploaded content: texts, tables, pictures and other bytes, of all sizes.

use sha2::{Digest as _, Sha256};

use crate::random::Random;

/// A PNG of one pixel.
const PICTURE: [u8; 69] = [
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52, 0x00,
    0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x02, 0x00, 0x00, 0x00, 0x90, 0x77, 0x53, 0xde, 0x00,
    0x00, 0x00, 0x0c, 0x49, 0x44, 0x41, 0x54, 0x78, 0xda, 0x63, 0xf8, 0xcf, 0xc0, 0x00, 0x00, 0x03, 0x01,
    0x01, 0x00, 0xf7, 0x03, 0x41, 0x43, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60,
    0x82,
];

/// The bytes of the upload with this number.
pub fn of(number: usize, seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed ^ number as u64);
    let length = random.below(if number.is_multiple_of(16) { 4 << 20 } else { 64 << 10 }) as usize;
    match number % 4 {
        0 => "a text of many words\n".bytes().cycle().take(length).collect(),
        1 => format!("number,quote\n{number},\"first,\nsecond\"\n").repeat(1 + length / 32).into_bytes(),
        2 => PICTURE.to_vec(),
        _ => [&[0_u8], &*random.bytes(length)].concat(),
    }
}

/// The SHA-256 of bytes, in hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    hex(Sha256::digest(bytes).as_slice())
}

/// Hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
