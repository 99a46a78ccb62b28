//! SQL by its author, for what the query builder cannot express. The text has a name, `tenfold check` checks it against
//! its module's tables, and it runs on both databases.

mod cached;
mod changes;
mod division;

use std::future::Future;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, Ordering};

use self::cached::KeptBy;
use self::changes::{ReturnedKeys, SaidChanges, counts_all};
use crate::context::Caller;
use crate::driver::Params;
use crate::error::DataError;
use crate::feed::write_set::WrittenKeys;
use crate::ownership::{Global, OrgId};
use crate::query::Target;
use crate::row::{ReadError, Row};
use crate::scope::RepeatCheck;
use crate::statement::{Dialect, Statement, StatementCost};
use crate::transaction::Write;
use crate::value::{ColumnType, KeyType, Kind, Value};

/// A text that [`sql!`](macro@crate::sql) registered.
pub struct Sql {
    name: &'static str,
    module: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
    /// Whether its columns were compared with what they are read as: on SQLite, on PostgreSQL.
    compared: [AtomicBool; 2],
}

/// Names a statement and gives its text, for both databases or for each: `sql!("sessions.open", "SELECT …")`, or
/// `sql!("…", sqlite: "…", postgres: "…")` with a comment that says why they differ.
///
/// Parameters are `$1, $2, …`. Through a context that names an organization, `$1` is that organization, and the text
/// must use it. [`SqlQuery::bind`] gives the others in order.
///
/// One text for both databases may not divide a sum of integers: SQLite truncates the result, PostgreSQL keeps the
/// fraction. It does not compile until the sum is `CAST(sum(…) AS bigint)` or `CAST(sum(…) AS double precision)`.
#[macro_export]
macro_rules! sql {
    ($name:literal, $text:literal) => {{
        static SQL: $crate::Sql =
            $crate::Sql::portable($name, $crate::module_of(env!("CARGO_PKG_NAME")), $text);
        SQL.query()
    }};
    ($name:literal, sqlite: $sqlite:literal, postgres: $postgres:literal) => {{
        static SQL: $crate::Sql =
            $crate::Sql::new($name, $crate::module_of(env!("CARGO_PKG_NAME")), $sqlite, $postgres);
        SQL.query()
    }};
}

impl Sql {
    /// Registers one text for both databases. Called by [`sql!`](macro@crate::sql).
    ///
    /// # Panics
    /// When it divides a sum: while the author's program is compiled.
    pub const fn portable(name: &'static str, module: &'static str, text: &'static str) -> Self {
        assert!(
            !division::divides_a_sum(text),
            "a sum is divided: sum(…) / … is cut off on SQLite and has a fraction on PostgreSQL; write \
             CAST(sum(…) AS bigint) / … or CAST(sum(…) AS double precision) / …"
        );
        Sql::new(name, module, text, text)
    }

    /// Registers a text. Called by [`sql!`](macro@crate::sql).
    pub const fn new(
        name: &'static str,
        module: &'static str,
        sqlite: &'static str,
        postgres: &'static str,
    ) -> Self {
        Sql { name, module, sqlite, postgres, compared: [const { AtomicBool::new(false) }; 2] }
    }

    fn compared(&self, dialect: Dialect) -> &AtomicBool {
        match dialect {
            Dialect::Sqlite => &self.compared[0],
            Dialect::Postgres => &self.compared[1],
        }
    }

    /// Begins a run of the text.
    pub fn query(&'static self) -> SqlQuery {
        SqlQuery {
            sql: self,
            params: Vec::new(),
            cost: StatementCost::Free,
            repeats: RepeatCheck::Counted,
            changes: Vec::new(),
            returns: None,
            of_tenant: true,
            kept: None,
        }
    }
}

/// One run of an author's statement.
pub struct SqlQuery {
    sql: &'static Sql,
    params: Vec<Value>,
    cost: StatementCost,
    repeats: RepeatCheck,
    /// What the author says that it changes.
    changes: Vec<(&'static str, WrittenKeys)>,
    /// What it returns of the rows that it changes.
    returns: Option<ReturnedKeys>,
    of_tenant: bool,
    /// How its rows are kept for later requests.
    kept: Option<KeptBy>,
}

impl SqlQuery {
    /// Gives the next parameter.
    pub fn bind(mut self, value: impl ColumnType) -> Self {
        self.params.push(value.to_value());
        self
    }

    /// Gives many values as the next parameter: `= ANY ($n)` on PostgreSQL, `IN (SELECT value FROM rarray($n))` on SQLite.
    pub fn bind_list<T: KeyType>(mut self, values: &[T]) -> Self {
        self.params.push(Value::List(values.iter().map(T::to_value).collect()));
        self
    }

    /// The organization of a context is not a parameter: for the framework's own tables, which belong to none.
    #[doc(hidden)]
    pub fn unowned(mut self) -> Self {
        self.of_tenant = false;
        self
    }

    /// Promises that an index serves the statement and that it returns few rows, so that SQLite runs it inline instead
    /// of on a reader thread.
    pub fn bounded(mut self) -> Self {
        self.cost = StatementCost::Page;
        self
    }

    /// Says that the text changes rows of this table, for those who watch it ([`Feed`](crate::Feed)). Call it for each
    /// table that the text writes. What its deletions reach by foreign keys is known; a text deletes nothing if it is an INSERT or an
    /// UPDATE, also behind WITH, without a word such as DELETE or REPLACE. A text that writes a table and
    /// does not say so fails the test that runs it; tables of the framework (`tenfold_…`) are not said.
    pub fn changes(mut self, table: &'static str) -> Self {
        self.changes.push((table, WrittenKeys::Any));
        self
    }

    /// As [`SqlQuery::changes`], for a text that changes no other rows of the table than those with these keys.
    pub fn changes_only<K: KeyType>(
        mut self,
        table: &'static str,
        keys: impl IntoIterator<Item = K>,
    ) -> Self {
        let keys = keys.into_iter().map(|key| key.to_value()).collect();
        self.changes.push((table, WrittenKeys::These(keys)));
        self
    }

    /// As [`SqlQuery::changes`], for a text that returns the key of each row of the table that it changes as its first column. Up to
    /// [`Feed::MOST_KEYS`](crate::Feed::MOST_KEYS) of them are said.
    pub fn changes_returned(mut self, table: &'static str) -> Self {
        self.returns = Some(ReturnedKeys::of(table));
        self
    }

    /// As [`SqlQuery::changes_returned`], for a text through a [`SystemContext`](crate::SystemContext) that changes rows of several
    /// organizations: its second column is the row's organization. So what depends on the table in other organizations stays in
    /// the cache.
    pub fn changes_returned_by_organization(mut self, table: &'static str) -> Self {
        self.returns = Some(ReturnedKeys::by_organization(table));
        self
    }

    /// Gives the reason why the statement may repeat in one piece of work. The N+1 detector skips it.
    pub fn repeated(mut self, reason: &'static str) -> Self {
        self.repeats = RepeatCheck::unless(reason);
        self
    }

    /// The rows, each as a tuple of its columns.
    ///
    /// # Errors
    /// [`DataError::Settings`] when the text does not use the organization; any error of the statement.
    #[track_caller]
    pub fn all<T: FromRow, C: Caller>(
        self,
        cx: &C,
    ) -> impl Future<Output = Result<Vec<T>, DataError>> + Send + use<T, C> {
        let target = Target::of(&cx.origin(), self.of_tenant, Location::caller());
        async move {
            let mut target = target?;
            target.asker.repeats = target.asker.repeats.and(self.repeats);
            let compared = self.sql.compared(target.scope.database().dialect());
            let (kept, returns) = (self.kept, self.returns);
            let (mut statement, params, changes) = self.prepare(&target)?;
            if !compared.load(Ordering::Relaxed) {
                statement.reads = T::KINDS;
            }
            let rows = match kept {
                Some(kept) => kept.rows(&target, &statement, &params).await?,
                None => target.fetch(&statement, &params, T::from_row).await?,
            };
            compared.store(true, Ordering::Relaxed);
            changes.note(&target, &statement.text);
            if let Some(returns) = returns {
                returns.note(&target, &statement.text, rows.iter().map(T::to_values));
            }
            Ok(rows)
        }
    }

    /// The first row, if there is one.
    ///
    /// # Errors
    /// As [`SqlQuery::all`].
    #[track_caller]
    pub fn first<T: FromRow, C: Caller>(
        self,
        cx: &C,
    ) -> impl Future<Output = Result<Option<T>, DataError>> + Send + use<T, C> {
        let rows = self.all(cx);
        async move { Ok(rows.await?.into_iter().next()) }
    }

    /// Runs a text that writes and returns no rows. Returns how many rows it changed.
    ///
    /// # Errors
    /// As [`SqlQuery::all`].
    #[track_caller]
    pub fn execute<W: Write<Global>>(
        self,
        tx: &W,
    ) -> impl Future<Output = Result<u64, DataError>> + Send + use<W> {
        let target = Target::of(&tx.origin(), self.of_tenant, Location::caller());
        async move {
            let mut target = target?;
            target.asker.repeats = target.asker.repeats.and(self.repeats);
            let returns = self.returns;
            let (statement, params, mut changes) = self.prepare(&target)?;
            // What it returns is not read here.
            changes.0.extend(returns.map(|returns| (returns.table, WrittenKeys::Any)));
            let counts_all = counts_all(&statement.text);
            let changed = target.scope.execute(&target.asker, &statement, Params::One(&params)).await?;
            if changed > 0 || !counts_all {
                changes.note(&target, &statement.text);
            }
            Ok(changed)
        }
    }

    fn prepare(self, target: &Target) -> Result<(Statement, Vec<Value>, SaidChanges), DataError> {
        let text = match target.scope.database().dialect() {
            Dialect::Sqlite => self.sql.sqlite,
            Dialect::Postgres => self.sql.postgres,
        };
        if target.asker.tenant.is_some() && !text.contains("$1") {
            return Err(DataError::Settings(format!(
                "{} does not use $1, the organization: a statement through a Context must",
                self.sql.name
            )));
        }
        let statement = Statement::new(self.sql.name, self.sql.module, text, self.cost);
        let said = self
            .changes
            .iter()
            .map(|(table, _)| *table)
            .chain(self.returns.map(|returns| returns.table))
            .collect();
        let statement = Statement { is_authors: true, said, ..statement };
        let params = target.asker.tenant.iter().map(OrgId::to_value).chain(self.params).collect();
        Ok((statement, params, SaidChanges(self.changes)))
    }
}

/// A tuple that can be read from a row, column by column.
pub trait FromRow: Send + Sized + 'static {
    /// The kinds of the columns. A text is compared with them on its first run, whether or not it returns rows.
    const KINDS: &'static [Kind];

    /// Reads the row.
    ///
    /// # Errors
    /// When a column holds something other than its part of the tuple.
    fn from_row(row: &Row<'_>) -> Result<Self, ReadError>;

    /// The columns of the row, to be kept.
    #[doc(hidden)]
    fn to_values(&self) -> Vec<Value>;
}

macro_rules! tuple {
    ($($column:ident $index:tt),+) => {
        impl<$($column: ColumnType),+> FromRow for ($($column,)+) {
            const KINDS: &'static [Kind] = &[$($column::KIND),+];

            fn from_row(row: &Row<'_>) -> Result<Self, ReadError> {
                Ok(($($column::read(row, $index)?,)+))
            }

            fn to_values(&self) -> Vec<Value> {
                vec![$(self.$index.to_value()),+]
            }
        }
    };
}

tuple!(A 0);
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
tuple!(A 0, B 1, C 2, D 3, E 4);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
