//! Conditions on money, and sums of it.

use std::future::Future;
use std::panic::Location;

use super::{EntityQuery, Filter, Target};
use crate::context::Reach;
use crate::entity::{Column, Entity};
use crate::error::DataError;
use crate::money::{Currency, Money, MoneyField};
use crate::statement::{Dialect, StatementCost};
use crate::value::ColumnType;

/// The two columns of a field with `#[entity(money)]`, as the author names them in queries: `Product::price`. Each has a
/// name of its own as well, `Product::price_amount` and `Product::price_currency`.
pub struct MoneyColumns<E, M: MoneyField> {
    pub(crate) amount: Column<E, M::Amount>,
    pub(crate) currency: Column<E, M::Currency>,
}

impl<E, M: MoneyField> Clone for MoneyColumns<E, M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E, M: MoneyField> Copy for MoneyColumns<E, M> {}

impl<E: Entity, M: MoneyField> MoneyColumns<E, M> {
    /// Names the columns; called by the derive.
    #[doc(hidden)]
    pub const fn new(amount: Column<E, M::Amount>, currency: Column<E, M::Currency>) -> Self {
        MoneyColumns { amount, currency }
    }

    /// The field equals `value`, amount and currency.
    pub fn eq(self, value: M) -> Filter<E> {
        let (amount, currency) = value.columns();
        self.currency.eq(currency).and(self.amount.eq(amount))
    }

    /// The field is in this currency.
    pub fn is_in(self, currency: Currency) -> Filter<E>
    where
        M::Currency: From<Currency>,
    {
        self.currency.eq(currency.into())
    }

    /// The field is in the currency of `value`, and less. Amounts of two currencies have no order.
    pub fn lt(self, value: Money) -> Filter<E>
    where
        M: From<Money>,
    {
        self.compared(value, Column::lt)
    }

    /// The field is in the currency of `value`, and at most as much.
    pub fn le(self, value: Money) -> Filter<E>
    where
        M: From<Money>,
    {
        self.compared(value, Column::le)
    }

    /// The field is in the currency of `value`, and more.
    pub fn gt(self, value: Money) -> Filter<E>
    where
        M: From<Money>,
    {
        self.compared(value, Column::gt)
    }

    /// The field is in the currency of `value`, and at least as much.
    pub fn ge(self, value: Money) -> Filter<E>
    where
        M: From<Money>,
    {
        self.compared(value, Column::ge)
    }

    fn compared(
        self,
        value: Money,
        compare: impl FnOnce(Column<E, M::Amount>, M::Amount) -> Filter<E>,
    ) -> Filter<E>
    where
        M: From<Money>,
    {
        let (amount, currency) = M::from(value).columns();
        self.currency.eq(currency).and(compare(self.amount, amount))
    }
}

impl<E: Entity> EntityQuery<E> {
    /// The sums of a field, one for each currency that occurs, by code. Fields that are `None` are left out.
    ///
    /// # Errors
    /// [`DataError::OutOfRange`] when a sum does not fit; any error of the statement.
    #[track_caller]
    pub fn sum_money<R: Reach<E::Owner>, M: MoneyField>(
        self,
        cx: &R,
        money: MoneyColumns<E, M>,
    ) -> impl Future<Output = Result<Vec<Money>, DataError>> + Send + use<E, R, M> {
        let target = Target::of(&cx.origin(), E::table().tenant.is_some(), Location::caller());
        async move {
            let mut target = target?;
            target.asker.repeats = target.asker.repeats.and(self.repeats());
            let (condition, params) = self.condition(&target, None)?;
            let (table, amount, currency) = (E::table().name, money.amount.name(), money.currency.name());
            let word = if condition.is_empty() { "WHERE" } else { "AND" };
            // PostgreSQL sums bigint to numeric. The cast fails where SQLite's sum does.
            let sum = match target.scope.database().dialect() {
                Dialect::Postgres => format!("sum({amount})::bigint"),
                Dialect::Sqlite => format!("sum({amount})"),
            };
            let text = format!(
                "SELECT {sum}, {currency} FROM {table}{condition} {word} {currency} IS NOT NULL \
                 GROUP BY {currency} ORDER BY {currency}"
            );
            let statement = E::table().statement(&format!("sum_{amount}"), text, StatementCost::Free);
            target
                .fetch(&statement, &params, |row| Ok(Money::new(i64::read(row, 0)?, Currency::read(row, 1)?)))
                .await
        }
    }
}
