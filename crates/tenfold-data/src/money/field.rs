//! Money as a field of an entity.

use super::{Currency, Money};
use crate::row::{ReadError, Row};
use crate::value::ColumnType;

/// A field that is stored as two columns, the amount and the currency: [`Money`], or an `Option` of it. A field that is
/// `None` has NULL in both.
#[diagnostic::on_unimplemented(
    message = "`#[entity(money)]` is for a field of type `Money` or `Option<Money>`",
    label = "this field has the type `{Self}`"
)]
pub trait MoneyField: Clone + Send + Sync + 'static {
    /// The type of the column with the amount, in minor units.
    type Amount: ColumnType;
    /// The type of the column with the currency's code.
    type Currency: ColumnType;

    /// The values of the two columns.
    fn columns(&self) -> (Self::Amount, Self::Currency);

    /// The field from the columns `index` and `index + 1` (from 0) of a row.
    ///
    /// # Errors
    /// When a column holds something else, or one of them NULL and the other not.
    fn read(row: &Row<'_>, index: usize) -> Result<Self, ReadError>;
}

impl MoneyField for Money {
    type Amount = i64;
    type Currency = Currency;

    fn columns(&self) -> (i64, Currency) {
        (self.amount(), self.currency())
    }

    fn read(row: &Row<'_>, index: usize) -> Result<Self, ReadError> {
        Ok(Money::new(i64::read(row, index)?, Currency::read(row, index + 1)?))
    }
}

impl MoneyField for Option<Money> {
    type Amount = Option<i64>;
    type Currency = Option<Currency>;

    fn columns(&self) -> (Option<i64>, Option<Currency>) {
        (self.map(Money::amount), self.map(Money::currency))
    }

    fn read(row: &Row<'_>, index: usize) -> Result<Self, ReadError> {
        match (Option::<i64>::read(row, index)?, Option::<Currency>::read(row, index + 1)?) {
            (Some(amount), Some(currency)) => Ok(Some(Money::new(amount, currency))),
            (None, None) => Ok(None),
            _ => Err(ReadError::new(index, "an amount and a currency, or neither", "only one of them")),
        }
    }
}
