use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, de::Error};

/// The most milliseconds a span may have, 36,500 days: added to a point in time it never overflows.
const MAX_MILLISECONDS: u64 = 36_500 * 86_400_000;

/// A length of time above zero, written `250ms`, `30s`, `5m`, `2h` or `7d`, at most `36500d`.
///
/// One whole number and one unit. A bare number is refused: its unit would be unclear.
/// Zero usually means "off" or a mistake, so a field takes it only where it says so, with
/// `#[serde(deserialize_with = "TimeSpan::or_zero")]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeSpan {
    milliseconds: u64,
}

/// The text was not a [`TimeSpan`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTimeSpan {
    /// Not one whole number with a unit.
    #[error("`{input}` is not a duration: write a whole number and ms, s, m, h or d, such as `30s`")]
    Malformed {
        /// The text as given.
        input: String,
    },
    /// Zero, where the field does not say that zero is allowed.
    #[error("`{input}` is zero: write at least `1ms`")]
    Zero {
        /// The text as given.
        input: String,
    },
    /// Too long.
    #[error("`{input}` is too long: write at most `36500d`")]
    TooLong {
        /// The text as given.
        input: String,
    },
}

/// Unit and milliseconds, in the order in which `Display` tries them.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

impl TimeSpan {
    /// No time at all.
    pub const ZERO: TimeSpan = TimeSpan { milliseconds: 0 };

    /// A number of milliseconds; stops at 36,500 days.
    pub const fn milliseconds(count: u64) -> TimeSpan {
        let milliseconds = if count < MAX_MILLISECONDS { count } else { MAX_MILLISECONDS };
        TimeSpan { milliseconds }
    }

    /// A number of seconds; stops at 36,500 days.
    pub const fn seconds(count: u64) -> TimeSpan {
        TimeSpan::milliseconds(count.saturating_mul(1_000))
    }

    /// A number of minutes; stops at 36,500 days.
    pub const fn minutes(count: u64) -> TimeSpan {
        TimeSpan::milliseconds(count.saturating_mul(60_000))
    }

    /// A number of hours; stops at 36,500 days.
    pub const fn hours(count: u64) -> TimeSpan {
        TimeSpan::milliseconds(count.saturating_mul(3_600_000))
    }

    /// The span as the standard library has it.
    pub const fn as_std(self) -> Duration {
        Duration::from_millis(self.milliseconds)
    }

    /// For `#[serde(deserialize_with = "TimeSpan::or_zero")]`: takes `0` and `0s` too.
    ///
    /// # Errors
    /// The errors of parsing.
    pub fn or_zero<'de, D: Deserializer<'de>>(from: D) -> Result<TimeSpan, D::Error> {
        let text = String::deserialize(from)?;
        match text.parse() {
            Err(InvalidTimeSpan::Zero { .. }) => Ok(TimeSpan::ZERO),
            other => other.map_err(D::Error::custom),
        }
    }
}

impl FromStr for TimeSpan {
    type Err = InvalidTimeSpan;

    fn from_str(text: &str) -> Result<TimeSpan, InvalidTimeSpan> {
        let input = text.to_owned();
        let text = text.trim();
        let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
        let unit = unit.trim_start();
        if number.is_empty() {
            return Err(InvalidTimeSpan::Malformed { input });
        }
        let is_zero = number.bytes().all(|digit| digit == b'0');
        match UNITS.iter().find(|(name, _)| *name == unit) {
            Some(_) if is_zero => Err(InvalidTimeSpan::Zero { input }),
            None if is_zero && unit.is_empty() => Err(InvalidTimeSpan::Zero { input }),
            None => Err(InvalidTimeSpan::Malformed { input }),
            Some((_, factor)) => number
                .parse()
                .ok()
                .and_then(|count: u64| count.checked_mul(*factor))
                .filter(|milliseconds| *milliseconds <= MAX_MILLISECONDS)
                .map(TimeSpan::milliseconds)
                .ok_or(InvalidTimeSpan::TooLong { input }),
        }
    }
}

impl fmt::Display for TimeSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = |(_, factor): &&(&str, u64)| self.milliseconds.is_multiple_of(*factor);
        match UNITS.iter().find(exact) {
            Some((unit, factor)) if self.milliseconds > 0 => {
                write!(f, "{}{unit}", self.milliseconds / factor)
            }
            _ => f.write_str("0s"),
        }
    }
}

impl<'de> Deserialize<'de> for TimeSpan {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<TimeSpan, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

impl From<TimeSpan> for Duration {
    fn from(span: TimeSpan) -> Duration {
        span.as_std()
    }
}
