//! Counts and sums over a list, computed by the database. Order and cursor do not affect them.

use std::future::Future;
use std::panic::Location;

use super::{EntityQuery, Range, Target};
use crate::context::Reach;
use crate::entity::{Column, Entity};
use crate::error::DataError;
use crate::row::{ReadError, Row};
use crate::statement::{Dialect, Statement, StatementCost};
use crate::value::{ColumnType, Kind, Measured, Summed, Value};

impl<E: Entity> EntityQuery<E> {
    /// How many rows there are. With a limit the count stops there, which keeps it fast.
    ///
    /// # Errors
    /// Any error of the statement.
    #[track_caller]
    pub fn count<R: Reach<E::Owner>>(
        self,
        cx: &R,
    ) -> impl Future<Output = Result<i64, DataError>> + Send + use<E, R> {
        let target = Target::of(&cx.origin(), E::table().tenant.is_some(), Location::caller());
        async move { self.counted(&target?, self.limit).await }
    }

    /// How many rows there are, at most `limit`, as the database counts them.
    pub(super) async fn fetch_count(
        &self,
        target: &Target,
        (condition, mut params): Range,
        limit: Option<usize>,
    ) -> Result<i64, DataError> {
        let table = E::table().name;
        let (text, cost) = match limit {
            Some(limit) => {
                params.push(Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX)));
                let rows = format!("SELECT 1 FROM {table}{condition} LIMIT ${}", params.len());
                (format!("SELECT count(*) FROM ({rows}) AS counted"), self.page_cost())
            }
            None => (format!("SELECT count(*) FROM {table}{condition}"), StatementCost::Free),
        };
        one_row(target, E::table().statement("count", text, cost), &params, |row| row.integer(0)).await
    }

    /// Whether there is any row.
    ///
    /// # Errors
    /// Any error of the statement.
    #[track_caller]
    pub fn exists<R: Reach<E::Owner>>(
        self,
        cx: &R,
    ) -> impl Future<Output = Result<bool, DataError>> + Send + use<E, R> {
        let target = Target::of(&cx.origin(), E::table().tenant.is_some(), Location::caller());
        async move {
            let table = E::table().name;
            let text = |condition: &str, _| format!("SELECT EXISTS (SELECT 1 FROM {table}{condition})");
            self.one(target?, "exists", self.page_cost(), text, |row| row.boolean(0)).await
        }
    }

    /// The sum of a column's values; 0 if there are none.
    ///
    /// # Errors
    /// [`DataError::OutOfRange`] when it does not fit the column's type; any error of the statement.
    #[track_caller]
    pub fn sum<R: Reach<E::Owner>, T: Summed>(
        self,
        cx: &R,
        column: Column<E, T>,
    ) -> impl Future<Output = Result<T::Sum, DataError>> + Send + use<E, R, T> {
        let target = Target::of(&cx.origin(), E::table().tenant.is_some(), Location::caller());
        async move {
            let (table, column, kind) = (E::table().name, column.name(), T::Sum::KIND);
            // PostgreSQL sums bigint to numeric. The cast fails where SQLite's sum does.
            let text = |condition: &str, dialect| match dialect {
                Dialect::Postgres => {
                    format!("SELECT coalesce(sum({column}), 0)::{} FROM {table}{condition}", kind.postgres())
                }
                Dialect::Sqlite if kind == Kind::Real => {
                    format!("SELECT coalesce(sum({column}), 0.0) FROM {table}{condition}")
                }
                Dialect::Sqlite => format!("SELECT coalesce(sum({column}), 0) FROM {table}{condition}"),
            };
            let (target, verb) = (target?, format!("sum_{column}"));
            let site = target.asker.site;
            let sum = self.one(target, &verb, StatementCost::Free, text, |row| T::Sum::read(row, 0)).await?;
            // Where PostgreSQL's sum of doubles fails, SQLite's is infinite.
            if matches!(sum.to_value(), Value::Real(sum) if !sum.is_finite()) {
                return Err(DataError::OutOfRange { statement: format!("{table}.{verb}"), site });
            }
            Ok(sum)
        }
    }

    /// The mean of a column's values, as the nearest double; `None` if there are no values.
    ///
    /// # Errors
    /// Any error of the statement.
    #[track_caller]
    pub fn avg<R: Reach<E::Owner>, T: Summed>(
        self,
        cx: &R,
        column: Column<E, T>,
    ) -> impl Future<Output = Result<Option<f64>, DataError>> + Send + use<E, R, T> {
        let target = Target::of(&cx.origin(), E::table().tenant.is_some(), Location::caller());
        async move {
            let (table, column) = (E::table().name, column.name());
            // PostgreSQL's mean of bigint is numeric, SQLite's is REAL.
            let text = |condition: &str, dialect| match dialect {
                Dialect::Postgres => {
                    format!("SELECT avg({column})::double precision FROM {table}{condition}")
                }
                Dialect::Sqlite => format!("SELECT avg({column}) FROM {table}{condition}"),
            };
            self.one(target?, &format!("avg_{column}"), StatementCost::Free, text, |row| Option::read(row, 0))
                .await
        }
    }

    /// The minimum of a column's values; `None` if there are no values.
    ///
    /// # Errors
    /// Any error of the statement.
    #[track_caller]
    pub fn min<R: Reach<E::Owner>, T: Measured>(
        self,
        cx: &R,
        column: Column<E, T>,
    ) -> impl Future<Output = Result<Option<T::Value>, DataError>> + Send + use<E, R, T> {
        let target = Target::of(&cx.origin(), E::table().tenant.is_some(), Location::caller());
        async move { self.end::<T>(target?, "min", column, "").await }
    }

    /// The maximum of a column's values; `None` if there are no values.
    ///
    /// # Errors
    /// Any error of the statement.
    #[track_caller]
    pub fn max<R: Reach<E::Owner>, T: Measured>(
        self,
        cx: &R,
        column: Column<E, T>,
    ) -> impl Future<Output = Result<Option<T::Value>, DataError>> + Send + use<E, R, T> {
        let target = Target::of(&cx.origin(), E::table().tenant.is_some(), Location::caller());
        async move { self.end::<T>(target?, "max", column, " DESC").await }
    }

    /// The minimum or maximum of a column's values. It does not use SQL's min and max, which PostgreSQL has for few
    /// types. An index serves this form as well.
    async fn end<T: Measured>(
        self,
        target: Target,
        verb: &str,
        column: Column<E, T>,
        direction: &str,
    ) -> Result<Option<T::Value>, DataError> {
        let (table, column) = (E::table().name, column.name());
        let text = |condition: &str, _| {
            let word = if condition.is_empty() { " WHERE" } else { " AND" };
            format!(
                "SELECT (SELECT {column} FROM {table}{condition}{word} {column} IS NOT NULL \
                 ORDER BY {column}{direction} LIMIT 1)"
            )
        };
        self.one(target, &format!("{verb}_{column}"), StatementCost::Free, text, |row| Option::read(row, 0))
            .await
    }

    async fn one<T: Send>(
        &self,
        mut target: Target,
        verb: &str,
        cost: StatementCost,
        text: impl FnOnce(&str, Dialect) -> String,
        read: impl FnMut(&Row<'_>) -> Result<T, ReadError> + Send,
    ) -> Result<T, DataError> {
        target.asker.repeats = target.asker.repeats.and(self.repeats());
        let (condition, params) = self.condition(&target, None)?;
        let text = text(&condition, target.scope.database().dialect());
        one_row(&target, E::table().statement(verb, text, cost), &params, read).await
    }
}

/// Runs a statement that returns one row.
async fn one_row<T: Send>(
    target: &Target,
    statement: Statement,
    params: &[Value],
    read: impl FnMut(&Row<'_>) -> Result<T, ReadError> + Send,
) -> Result<T, DataError> {
    let mut rows = target.fetch(&statement, params, read).await?;
    Ok(rows.pop().expect("a count or a sum is one row"))
}
