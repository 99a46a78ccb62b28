//! Lists of one entity: filter, order, page. Anything richer is SQL by its author, see `sql.rs`.

use std::future::Future;
use std::marker::PhantomData;
use std::ops::Deref;
use std::panic::Location;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::context::{Origin, Reach};
use crate::entity::{Column, Entity, OrgId, any};
use crate::error::DataError;
use crate::page::{self, Listing, Page};
use crate::scope::{Scope, Watch};
use crate::statement::{CallSite, Cost, Dialect, Statement};
use crate::transaction::Connection;
use crate::value::{ColumnType, KeyType, Kind, Value};

/// A condition on one column.
pub struct Filter<E> {
    column: &'static str,
    test: Test,
    entity: PhantomData<fn() -> E>,
}

#[derive(Debug)]
enum Test {
    Compare(&'static str, Value),
    AnyOf(Vec<Value>),
    IsNull,
}

impl<E: Entity, T: ColumnType> Column<E, T> {
    /// The column equals `value`.
    pub fn eq(self, value: T) -> Filter<E> {
        self.compare("=", &value)
    }

    /// The column is something else than `value`.
    pub fn ne(self, value: T) -> Filter<E> {
        self.compare("<>", &value)
    }

    /// The column is less than `value`.
    pub fn lt(self, value: T) -> Filter<E> {
        self.compare("<", &value)
    }

    /// The column is greater than `value`.
    pub fn gt(self, value: T) -> Filter<E> {
        self.compare(">", &value)
    }

    /// The column equals one of `values`.
    pub fn any_of(self, values: impl IntoIterator<Item = T>) -> Filter<E> {
        self.filter(Test::AnyOf(values.into_iter().map(|value| value.to_value()).collect()))
    }

    fn compare(self, operator: &'static str, value: &T) -> Filter<E> {
        self.filter(Test::Compare(operator, value.to_value()))
    }

    fn filter(self, test: Test) -> Filter<E> {
        Filter { column: self.name(), test, entity: PhantomData }
    }
}

impl<E: Entity, T: ColumnType> Column<E, Option<T>> {
    /// The column holds nothing.
    pub fn is_null(self) -> Filter<E> {
        self.filter(Test::IsNull)
    }
}

/// Which way a list runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Ascending,
    Descending,
}

/// A list of one entity that is being described; [`Query::all`] runs it.
pub struct Query<E: Entity> {
    filters: Vec<Filter<E>>,
    order: Vec<(&'static str, Direction)>,
    limit: Option<usize>,
    cursor: Option<String>,
    watch: Watch,
}

impl<E: Entity> Query<E> {
    pub(crate) fn new() -> Self {
        Query { filters: Vec::new(), order: Vec::new(), limit: None, cursor: None, watch: Watch::Repeats }
    }

    /// Keeps the rows that pass `filter` as well.
    pub fn filter(mut self, filter: Filter<E>) -> Self {
        self.filters.push(filter);
        self
    }

    /// Orders by a column, ascending; the key is always the last to decide.
    pub fn order_by<T: KeyType>(mut self, column: Column<E, T>) -> Self {
        self.order = vec![(column.name(), Direction::Ascending)];
        self
    }

    /// Newest first: orders by the key, descending, since ids grow with time.
    pub fn newest_first(mut self) -> Self {
        self.order = vec![(E::table().key, Direction::Descending)];
        self
    }

    /// Gives one page; the limit makes the list bounded.
    pub fn page(mut self, page: &Page) -> Self {
        self.limit = Some(page.limit);
        self.cursor.clone_from(&page.cursor);
        self
    }

    /// Gives at most `limit` rows.
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Says why the query may run again and again in one piece of work: the N+1 detector leaves it out.
    pub fn repeated(mut self, reason: &'static str) -> Self {
        self.watch = Watch::unless(reason);
        self
    }

    /// The rows, as one cohort: touching a relation on one loads it for all.
    ///
    /// # Errors
    /// [`DataError::Cursor`] for a cursor of another list; [`DataError::TooManyRows`] when a list without page
    /// or limit passes `database.max_rows`; whatever stops the statement.
    #[track_caller]
    pub fn all<R: Reach<E::Owner>>(
        self,
        cx: &R,
    ) -> impl Future<Output = Result<Rows<E>, DataError>> + Send + use<E, R> {
        let target = Target::of(&cx.origin(), E::table().tenant.is_some(), Location::caller());
        async move { self.run(target?).await }
    }

    /// The first row, if there is one.
    ///
    /// # Errors
    /// As [`Query::all`].
    #[track_caller]
    pub fn first<R: Reach<E::Owner>>(
        self,
        cx: &R,
    ) -> impl Future<Output = Result<Option<E>, DataError>> + Send + use<E, R> {
        let rows = self.limit(1).all(cx);
        async move { Ok(rows.await?.rows.into_iter().next()) }
    }

    async fn run(mut self, mut target: Target) -> Result<Rows<E>, DataError> {
        self.end_order_with_key();
        target.watch = target.watch.and(self.watch());
        let wanted = self.limit.unwrap_or_else(|| target.scope.database().max_rows());
        let (statement, params) = self.statement(&target, wanted)?;
        let mut rows = target.fetch(&statement, &params, E::read).await?;
        let more = rows.len() > wanted;
        if more && self.limit.is_none() {
            return Err(DataError::TooManyRows {
                statement: statement.name.to_string(),
                site: target.site,
                limit: wanted,
            });
        }
        rows.truncate(wanted);
        let next_cursor = rows.last().filter(|_| more).map(|last| self.cursor_after(last));
        E::link(&mut rows, target.tenant);
        Ok(Rows { rows, next_cursor })
    }

    /// Only a list of what belongs to a value can be an N+1; and the pages of one list are none, neither with a
    /// cursor nor behind a row that the author names.
    fn watch(&self) -> Watch {
        let is_key = |filter: &Filter<E>| matches!(filter.test, Test::Compare("=", _) | Test::AnyOf(_));
        let first = self.order.first().map(|(column, _)| *column);
        let goes_on = |filter: &Filter<E>| {
            first == Some(filter.column) && matches!(filter.test, Test::Compare("<" | ">", _))
        };
        let is_page = self.cursor.is_some() || self.filters.iter().any(goes_on);
        if is_page || !self.filters.iter().any(is_key) { Watch::Nothing } else { self.watch }
    }

    fn end_order_with_key(&mut self) {
        let key = E::table().key;
        let direction = self.order.first().map_or(Direction::Ascending, |(_, direction)| *direction);
        if self.order.iter().all(|(column, _)| *column != key) {
            self.order.push((key, direction));
        }
    }

    /// The text and its parameters; one row more than wanted shows whether there is a next page.
    fn statement(&self, target: &Target, wanted: usize) -> Result<(Statement, Vec<Value>), DataError> {
        let table = E::table();
        let mut params: Vec<Value> = target.tenant.iter().map(OrgId::to_value).collect();
        let mut conditions: Vec<String> =
            table.tenant.iter().map(|column| format!("{column} = $1")).collect();
        for filter in &self.filters {
            conditions.push(filter.condition(target.scope.database().dialect(), &mut params));
        }
        if let Some(cursor) = &self.cursor {
            conditions.push(self.after(cursor, &mut params)?);
        }
        let order: Vec<_> = self
            .order
            .iter()
            .map(|(column, direction)| match direction {
                Direction::Ascending => (*column).to_owned(),
                Direction::Descending => format!("{column} DESC"),
            })
            .collect();
        let condition = if conditions.is_empty() {
            String::new()
        } else {
            format!(" WHERE {}", conditions.join(" AND "))
        };
        params.push(Value::Integer(i64::try_from(wanted).unwrap_or(i64::MAX).saturating_add(1)));
        let text = format!(
            "SELECT {} FROM {}{condition} ORDER BY {} LIMIT ${}",
            table.column_list(),
            table.name,
            order.join(", "),
            params.len()
        );
        let cost = if self.limit.is_some() { Cost::Page } else { Cost::Free };
        Ok((table.statement("list", text, cost), params))
    }

    /// `(email, id) > ($3, $4)`: the rows behind the last page's end.
    fn after(&self, cursor: &str, params: &mut Vec<Value>) -> Result<String, DataError> {
        let columns: Vec<_> = self.order.iter().map(|(column, _)| *column).collect();
        let kinds: Vec<Kind> = columns.iter().map(|column| kind_of::<E>(column)).collect();
        let values = page::decode(cursor, &self.list_name(), &kinds)?;
        let marks: Vec<_> = (params.len() + 1..).take(values.len()).map(|n| format!("${n}")).collect();
        params.extend(values);
        let operator = if self.order[0].1 == Direction::Ascending { '>' } else { '<' };
        Ok(format!("({}) {operator} ({})", columns.join(", "), marks.join(", ")))
    }

    fn cursor_after(&self, last: &E) -> String {
        let values = last.values();
        let after: Vec<_> =
            self.order.iter().map(|(column, _)| values[position::<E>(column)].clone()).collect();
        page::encode(&self.list_name(), &after)
    }

    /// What a cursor must have been given out by: the table, the order and the filters.
    fn list_name(&self) -> String {
        let descending = self.order[0].1 == Direction::Descending;
        let columns: Vec<_> = self.order.iter().map(|(column, _)| *column).collect();
        let filters = fingerprint(&self.filters);
        format!("{}:{}{}{filters}", E::table().name, if descending { "-" } else { "" }, columns.join(","))
    }
}

/// Tells lists with other filters apart without saying what they filter by.
fn fingerprint<E>(filters: &[Filter<E>]) -> String {
    if filters.is_empty() {
        return String::new();
    }
    let mut digest = Sha256::new();
    for filter in filters {
        digest.update(format!("{} {:?};", filter.column, filter.test));
    }
    digest.finalize()[..6].iter().fold(":".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

fn position<E: Entity>(name: &str) -> usize {
    let columns = E::table().columns;
    columns.iter().position(|column| column.name == name).expect("the derive names the table's own columns")
}

fn kind_of<E: Entity>(name: &str) -> Kind {
    E::table().columns[position::<E>(name)].kind
}

impl<E> Filter<E> {
    fn condition(&self, dialect: Dialect, params: &mut Vec<Value>) -> String {
        match &self.test {
            Test::Compare(operator, value) => {
                params.push(value.clone());
                format!("{} {operator} ${}", self.column, params.len())
            }
            Test::AnyOf(values) => {
                params.push(Value::List(values.clone()));
                any(dialect, self.column, params.len())
            }
            Test::IsNull => format!("{} IS NULL", self.column),
        }
    }
}

/// The rows of one query, in order. They are peers: a loop over them that touches a relation costs one
/// statement, however many they are.
pub struct Rows<E> {
    rows: Vec<E>,
    next_cursor: Option<String>,
}

impl<E> Rows<E> {
    /// A client's page with `items` made from these rows, and the cursor to go on.
    pub fn listing<T>(&self, items: Vec<T>) -> Listing<T> {
        Listing { items, next_cursor: self.next_cursor.clone() }
    }
}

impl<E> Deref for Rows<E> {
    type Target = [E];
    fn deref(&self) -> &[E] {
        &self.rows
    }
}

impl<E> IntoIterator for Rows<E> {
    type Item = E;
    type IntoIter = std::vec::IntoIter<E>;
    fn into_iter(self) -> Self::IntoIter {
        self.rows.into_iter()
    }
}

impl<'a, E> IntoIterator for &'a Rows<E> {
    type Item = &'a E;
    type IntoIter = std::slice::Iter<'a, E>;
    fn into_iter(self) -> Self::IntoIter {
        self.rows.iter()
    }
}

/// Where one statement goes, kept beyond the borrow of the context.
pub(crate) struct Target {
    pub scope: Arc<Scope>,
    pub tenant: Option<OrgId>,
    pub connection: Option<Arc<Connection>>,
    pub site: CallSite,
    pub watch: Watch,
}

impl Target {
    /// Refuses a statement that goes past an open transaction: it would ask for a second connection while its
    /// caller holds one, and not see what the transaction wrote.
    pub(crate) fn of(origin: &Origin<'_>, for_tenant: bool, site: CallSite) -> Result<Self, DataError> {
        if origin.connection.is_none() {
            origin.scope.refuse_inside_transaction("a query", site)?;
        }
        Ok(Target {
            scope: Arc::clone(origin.scope),
            tenant: origin.tenant.filter(|_| for_tenant),
            connection: origin.connection.cloned(),
            site,
            watch: origin.watch,
        })
    }

    pub(crate) async fn fetch<T: Send>(
        &self,
        statement: &Statement,
        params: &[Value],
        read: impl FnMut(&crate::row::Row<'_>) -> Result<T, crate::row::ReadError> + Send,
    ) -> Result<Vec<T>, DataError> {
        self.scope.fetch(self.connection.as_deref(), statement, params, (self.site, self.watch), read).await
    }
}
