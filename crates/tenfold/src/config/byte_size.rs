use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, de::Error};

/// A number of bytes, written `64 KiB`, `10 MB` or `1048576`.
///
/// Units are powers of 1024 (KiB, MiB, GiB, TiB) or of 1000 (kB, MB, GB, TB) after IEC 80000-13, in any case
/// of letters; a bare `K` or `M` is refused, since people disagree about it. Whole numbers only, at most
/// 2^64 - 1. Zero is allowed: exclude it with [`Loaded::within`](super::Loaded::within) where it makes no sense.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(u64);

/// The text was not a [`ByteSize`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{input}` is not a size: write a whole number and B, KiB, MiB, GiB, TiB, kB, MB, GB or TB, such as `64 KiB`"
)]
pub struct InvalidByteSize {
    /// The text as given.
    pub input: String,
}

/// Unit and factor, in the order in which `Display` tries them.
const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

impl ByteSize {
    /// A number of bytes.
    pub const fn bytes(count: u64) -> ByteSize {
        ByteSize(count)
    }

    /// A number of KiB; stops at 2^64 - 1 bytes.
    pub const fn kib(count: u64) -> ByteSize {
        ByteSize(count.saturating_mul(1 << 10))
    }

    /// A number of MiB; stops at 2^64 - 1 bytes.
    pub const fn mib(count: u64) -> ByteSize {
        ByteSize(count.saturating_mul(1 << 20))
    }

    /// A number of GiB; stops at 2^64 - 1 bytes.
    pub const fn gib(count: u64) -> ByteSize {
        ByteSize(count.saturating_mul(1 << 30))
    }

    /// The number of bytes.
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// The number of bytes; capped at the largest `usize`.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for ByteSize {
    type Err = InvalidByteSize;

    fn from_str(input: &str) -> Result<ByteSize, InvalidByteSize> {
        let text = input.trim();
        let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
        let unit = unit.trim_start();
        let factor = match unit {
            "" => Some(1),
            unit => UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).map(|(_, factor)| *factor),
        };
        let count: Option<u64> = number.parse().ok();
        count
            .zip(factor)
            .and_then(|(count, factor)| count.checked_mul(factor))
            .map(ByteSize)
            .ok_or_else(|| InvalidByteSize { input: input.to_owned() })
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = |(_, factor): &&(&str, u64)| self.0 != 0 && self.0.is_multiple_of(*factor);
        let (unit, factor) = UNITS.iter().find(exact).unwrap_or(&("B", 1));
        write!(f, "{} {unit}", self.0 / factor)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<ByteSize, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}
