//! Percentages of money, with a named rounding.

use std::fmt;
use std::str::FromStr;

use super::{Money, MoneyError};

/// Where a result between two minor units goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// To the nearer one; a half goes to the even one. Errors of many roundings cancel out (banker's rounding).
    HalfEven,
    /// To the nearer one; a half goes away from zero, as people round. Most tax offices ask for it.
    HalfAwayFromZero,
    /// To the one nearer to zero: the rest is cut off.
    TowardZero,
    /// To the one farther from zero.
    AwayFromZero,
    /// To the smaller one.
    Floor,
    /// To the larger one.
    Ceiling,
}

impl Rounding {
    /// `numerator / denominator` as a whole number. The denominator is positive.
    pub(super) fn divide(self, numerator: i128, denominator: i128) -> i128 {
        let (floor, rest) = (numerator.div_euclid(denominator), numerator.rem_euclid(denominator));
        if rest == 0 {
            return floor;
        }
        let is_negative = numerator < 0;
        let is_up = match self {
            Rounding::Floor => false,
            Rounding::Ceiling => true,
            Rounding::TowardZero => is_negative,
            Rounding::AwayFromZero => !is_negative,
            Rounding::HalfEven | Rounding::HalfAwayFromZero => match (rest * 2).cmp(&denominator) {
                std::cmp::Ordering::Less => false,
                std::cmp::Ordering::Greater => true,
                std::cmp::Ordering::Equal if self == Rounding::HalfEven => floor % 2 != 0,
                std::cmp::Ordering::Equal => !is_negative,
            },
        };
        floor + i128::from(is_up)
    }
}

/// A percentage with up to four decimals: 19, 7.7, 0.0125.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent {
    /// In ten-thousandths of a percent.
    parts: i64,
}

/// A percent in parts.
const PARTS: i64 = 10_000;

impl Percent {
    /// A whole percentage.
    pub const fn new(percent: i32) -> Self {
        Percent { parts: percent as i64 * PARTS }
    }

    /// Hundredths of a percent: 1925 is 19.25 %.
    pub const fn basis_points(points: i32) -> Self {
        Percent { parts: points as i64 * (PARTS / 100) }
    }
}

impl FromStr for Percent {
    type Err = MoneyError;
    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let parts =
            super::text::decimal(text, 4).map_err(|allowed| super::text::refused(text, "%", allowed))?;
        Ok(Percent { parts })
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = super::text::with_digits(self.parts, 4);
        let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
        write!(f, "{text} %")
    }
}

impl fmt::Debug for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Money {
    /// A percentage of the amount: `price.percent(Percent::new(19), Rounding::HalfAwayFromZero)`.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn percent(self, percent: Percent, rounding: Rounding) -> Result<Money, MoneyError> {
        let exact = i128::from(self.amount) * i128::from(percent.parts);
        let rounded = rounding.divide(exact, 100 * i128::from(PARTS));
        self.with(i64::try_from(rounded).ok(), || format!("{percent} of {self}"))
    }
}
