//! Amounts as people write them: `19.99 EUR`.

use std::fmt;
use std::str::FromStr;

use super::{Currency, Money, MoneyError};

impl Money {
    /// Reads a decimal number in major units: `Money::parse("19.99", Currency::EUR)`. A sign, digits and a point, and no
    /// more decimals than the currency has. There are no separators of thousands.
    ///
    /// # Errors
    /// [`MoneyError::Text`] says what is allowed.
    pub fn parse(text: &str, currency: Currency) -> Result<Money, MoneyError> {
        let amount = decimal(text, currency.digits());
        let amount = amount.map_err(|allowed| refused(text, currency.code(), allowed))?;
        Ok(Money::new(amount, currency))
    }

    /// The amount in major units, without the currency: `19.99`. It has all decimals of the currency.
    pub fn decimal(self) -> String {
        with_digits(self.amount, self.currency.digits())
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{} {}", self.decimal(), self.currency))
    }
}

impl FromStr for Money {
    type Err = MoneyError;

    /// Reads what `Display` writes: `19.99 EUR`.
    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let (amount, code) = text.rsplit_once(' ').unwrap_or(("", text));
        Money::parse(amount, code.parse()?)
    }
}

/// A number with this many digits behind the point.
pub(super) fn with_digits(number: i64, digits: u8) -> String {
    let sign = if number < 0 { "-" } else { "" };
    let digits = usize::from(digits);
    let all = format!("{:0>width$}", number.unsigned_abs(), width = digits + 1);
    let (whole, rest) = all.split_at(all.len() - digits);
    let point = if digits == 0 { "" } else { "." };
    format!("{sign}{whole}{point}{rest}")
}

/// The number in a decimal text, in units of its last possible digit; or what is allowed.
pub(super) fn decimal(text: &str, digits: u8) -> Result<i64, String> {
    let allowed = || match digits {
        0 => "digits, with a minus in front if it is negative, and no decimals".to_owned(),
        _ => format!(
            "digits, with a minus in front if it is negative, and a point with at most {digits} decimals behind it"
        ),
    };
    let (sign, unsigned) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, rest) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let has_point = unsigned.contains('.');
    if !is_number(whole) || has_point && !is_number(rest) || rest.len() > usize::from(digits) {
        return Err(allowed());
    }
    // Digit by digit with the sign, because the smallest number has no positive counterpart.
    let padding = std::iter::repeat_n(b'0', usize::from(digits) - rest.len());
    let mut number = 0_i64;
    for digit in whole.bytes().chain(rest.bytes()).chain(padding) {
        let next = number.checked_mul(10).and_then(|ten| ten.checked_add(sign * i64::from(digit - b'0')));
        number = next.ok_or_else(|| "a number that fits 64 bits in minor units".to_owned())?;
    }
    Ok(number)
}

pub(super) fn refused(text: &str, currency: &str, allowed: String) -> MoneyError {
    MoneyError::Text { text: text.chars().take(40).collect(), currency: currency.to_owned(), allowed }
}
