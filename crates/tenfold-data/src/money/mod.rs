//! Money: an amount in the minor unit of a currency. Nothing overflows silently, and currencies do not mix.

mod currency;
mod field;
mod percent;
mod share;
mod text;

use std::fmt;

pub use self::currency::Currency;
pub use self::field::MoneyField;
pub use self::percent::{Percent, Rounding};

/// An amount of money: whole minor units (cents) of a currency of ISO 4217.
///
/// As JSON it is `{"amount": 1999, "currency": "EUR"}`, in an entity two columns (`#[entity(money)]`). It has no order
/// and no operators: amounts of two currencies cannot be compared, and a sum may not fit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// The amount in minor units of the currency: 1999 is 19.99 EUR, and 1999 JPY.
    amount: i64,
    currency: Currency,
}

/// Why an amount of money cannot be calculated or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MoneyError {
    /// Two currencies in one calculation.
    #[error("{0} and {1} are of different currencies")]
    Currencies(Money, Money),
    /// The result does not fit 64 bits.
    #[error("the result is too large: {0}")]
    Overflow(String),
    /// Shares that add up to nothing.
    #[error("money is divided into shares that are not all zero")]
    NoShares,
    /// No currency of ISO 4217, or one that has no minor unit.
    #[error("{0:?} is no currency of ISO 4217")]
    UnknownCurrency(String),
    /// A text that is no amount of the currency.
    #[error("{text:?} is no amount of {currency}: {allowed}")]
    Text {
        /// The beginning of the text.
        text: String,
        /// The currency.
        currency: String,
        /// What is allowed.
        allowed: String,
    },
}

impl Money {
    /// An amount in minor units: `Money::new(1999, Currency::EUR)` is 19.99 EUR.
    pub const fn new(amount: i64, currency: Currency) -> Self {
        Money { amount, currency }
    }

    /// Nothing, in this currency.
    pub const fn zero(currency: Currency) -> Self {
        Money::new(0, currency)
    }

    /// The amount in minor units.
    pub const fn amount(self) -> i64 {
        self.amount
    }

    /// The currency.
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// The sum.
    ///
    /// # Errors
    /// [`MoneyError::Currencies`], [`MoneyError::Overflow`].
    pub fn plus(self, other: Money) -> Result<Money, MoneyError> {
        self.same_currency(other)?;
        let sum = self.amount.checked_add(other.amount);
        self.with(sum, || format!("{self} + {other}"))
    }

    /// The difference.
    ///
    /// # Errors
    /// [`MoneyError::Currencies`], [`MoneyError::Overflow`].
    pub fn minus(self, other: Money) -> Result<Money, MoneyError> {
        self.same_currency(other)?;
        let difference = self.amount.checked_sub(other.amount);
        self.with(difference, || format!("{self} - {other}"))
    }

    /// The amount, `count` times.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn times(self, count: i64) -> Result<Money, MoneyError> {
        self.with(self.amount.checked_mul(count), || format!("{self} * {count}"))
    }

    /// The same amount with the other sign.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`] for the smallest amount of all.
    pub fn negated(self) -> Result<Money, MoneyError> {
        self.with(self.amount.checked_neg(), || format!("-({self})"))
    }

    /// The sum of amounts of one currency; nothing, in that currency, if there are none.
    ///
    /// # Errors
    /// [`MoneyError::Currencies`], [`MoneyError::Overflow`]: the sum does not fit. What it adds up to on the way does not
    /// matter.
    pub fn total(currency: Currency, amounts: impl IntoIterator<Item = Money>) -> Result<Money, MoneyError> {
        let zero = Money::zero(currency);
        let mut sum = 0_i128;
        for amount in amounts {
            zero.same_currency(amount)?;
            sum += i128::from(amount.amount);
        }
        zero.with(i64::try_from(sum).ok(), || format!("a sum of {currency}"))
    }

    fn same_currency(self, other: Money) -> Result<(), MoneyError> {
        if self.currency == other.currency { Ok(()) } else { Err(MoneyError::Currencies(self, other)) }
    }

    /// This currency with another amount; `None` is one that does not fit.
    fn with(self, amount: Option<i64>, what: impl FnOnce() -> String) -> Result<Money, MoneyError> {
        let amount = amount.ok_or_else(|| MoneyError::Overflow(what()))?;
        Ok(Money { amount, ..self })
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
