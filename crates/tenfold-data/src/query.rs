//! Lists of one entity: filter, order, page, and what is counted or added up over them. Anything richer is SQL by
//! its author, see `sql.rs`.

mod aggregate;
mod filter;

use std::future::Future;
use std::ops::Deref;
use std::panic::Location;
use std::sync::Arc;

pub use self::filter::Filter;
use self::filter::fingerprint;
use crate::context::{Origin, Reach};
use crate::entity::{Column, Entity, OrgId};
use crate::error::DataError;
use crate::page::{self, Listing, Page};
use crate::relation::Peering;
use crate::scope::{Scope, Watch};
use crate::statement::{CallSite, Cost, Statement};
use crate::transaction::Connection;
use crate::value::{ColumnType as _, Kind, Sortable, Value};

/// Which way a list runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Ascending,
    Descending,
}

/// Whether the rows of a list are peers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Company {
    Peers,
    Alone,
}

/// A list of one entity that is being described; [`Query::all`] runs it.
pub struct Query<E: Entity> {
    filters: Vec<Filter<E>>,
    order: Vec<&'static str>,
    /// Of the whole order, so that one comparison of tuples tells what is behind a cursor.
    direction: Direction,
    limit: Option<usize>,
    cursor: Option<String>,
    company: Company,
    watch: Watch,
}

impl<E: Entity> Query<E> {
    pub(crate) fn new() -> Self {
        Query {
            filters: Vec::new(),
            order: Vec::new(),
            direction: Direction::Ascending,
            limit: None,
            cursor: None,
            company: Company::Peers,
            watch: Watch::Repeats,
        }
    }

    /// Keeps the rows that pass `filter` as well.
    pub fn filter(mut self, filter: Filter<E>) -> Self {
        self.filters.push(filter);
        self
    }

    /// Orders by a column, and after those that were named before; the key is always the last to decide.
    pub fn order_by<T: Sortable>(mut self, column: Column<E, T>) -> Self {
        self.order.push(column.name());
        self
    }

    /// Turns the order round.
    pub fn descending(mut self) -> Self {
        self.direction = Direction::Descending;
        self
    }

    /// Newest first: orders by the key, descending, since ids grow with time.
    pub fn newest_first(mut self) -> Self {
        self.order = vec![E::table().key];
        self.descending()
    }

    /// Makes each row stand alone: touching a relation on one loads it for that one only. For a list of which few
    /// rows are looked at more closely; a loop over all of them is better off with peers.
    pub fn alone(mut self) -> Self {
        self.company = Company::Alone;
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
        let peering = match self.company {
            Company::Peers => target.peering(),
            Company::Alone => target.peering().alone(),
        };
        target.watch = target.watch.and(self.watch());
        let wanted = self.limit.unwrap_or_else(|| target.scope.database().max_rows());
        let (statement, params) = self.statement(&target, wanted)?;
        let mut rows = target.fetch(&statement, &params, |row| E::read(row, target.tenant)).await?;
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
        let is_whole = !more && self.cursor.is_none() && self.filters.is_empty();
        E::link(rows.iter_mut(), peering.whole(is_whole));
        Ok(Rows { rows, next_cursor })
    }

    /// Only a list of what belongs to a value can be an N+1; and the pages of one list are none, neither with a
    /// cursor nor behind a row that the author names.
    pub(crate) fn watch(&self) -> Watch {
        let goes_on =
            |filter: &Filter<E>| self.order.first().is_some_and(|first| filter.goes_on_behind(first));
        let is_page = self.cursor.is_some() || self.filters.iter().any(goes_on);
        if is_page || !self.filters.iter().any(Filter::is_by_value) { Watch::Nothing } else { self.watch }
    }

    fn end_order_with_key(&mut self) {
        let key = E::table().key;
        if !self.order.contains(&key) {
            self.order.push(key);
        }
    }

    /// `WHERE …` of the tenant and the filters, or nothing; the parameters so far.
    fn condition(&self, target: &Target) -> (String, Vec<Value>) {
        let mut params: Vec<Value> = target.tenant.iter().map(OrgId::to_value).collect();
        let mut conditions: Vec<String> =
            E::table().tenant.iter().map(|column| format!("{column} = $1")).collect();
        let dialect = target.scope.database().dialect();
        conditions.extend(self.filters.iter().map(|filter| filter.condition(dialect, &mut params)));
        let text = if conditions.is_empty() {
            String::new()
        } else {
            format!(" WHERE {}", conditions.join(" AND "))
        };
        (text, params)
    }

    /// The condition of a write, which changes all rows of the list and knows no page.
    pub(crate) fn whole_condition(&self, target: &Target) -> Result<(String, Vec<Value>), DataError> {
        if self.limit.is_some() {
            let table = E::table().name;
            let what = format!("a write to {table} at {} takes neither a page nor a limit", target.site);
            return Err(DataError::Settings(what));
        }
        Ok(self.condition(target))
    }

    /// The text and its parameters; one row more than wanted shows whether there is a next page.
    fn statement(&self, target: &Target, wanted: usize) -> Result<(Statement, Vec<Value>), DataError> {
        let table = E::table();
        let (mut condition, mut params) = self.condition(target);
        if let Some(cursor) = &self.cursor {
            let word = if condition.is_empty() { "WHERE" } else { "AND" };
            condition = format!("{condition} {word} {}", self.after(cursor, &mut params)?);
        }
        let direction = if self.direction == Direction::Descending { " DESC" } else { "" };
        let order: Vec<_> = self.order.iter().map(|column| format!("{column}{direction}")).collect();
        params.push(Value::Integer(i64::try_from(wanted).unwrap_or(i64::MAX).saturating_add(1)));
        let text = format!(
            "SELECT {} FROM {}{condition} ORDER BY {} LIMIT ${}",
            table.selected_list(),
            table.name,
            order.join(", "),
            params.len()
        );
        let cost = if self.limit.is_some() { Cost::Page } else { Cost::Free };
        Ok((table.statement("list", text, cost), params))
    }

    /// `(email, id) > ($3, $4)`: the rows behind the last page's end.
    fn after(&self, cursor: &str, params: &mut Vec<Value>) -> Result<String, DataError> {
        let kinds: Vec<Kind> = self.order.iter().map(|column| E::table().kind_of(column)).collect();
        let values = page::decode(cursor, &self.list_name(), &kinds)?;
        let marks: Vec<_> = (params.len() + 1..).take(values.len()).map(|n| format!("${n}")).collect();
        params.extend(values);
        let operator = if self.direction == Direction::Ascending { '>' } else { '<' };
        Ok(format!("({}) {operator} ({})", self.order.join(", "), marks.join(", ")))
    }

    fn cursor_after(&self, last: &E) -> String {
        let values = last.values();
        let table = E::table();
        let after: Vec<_> = self.order.iter().map(|column| values[table.position(column)].clone()).collect();
        page::encode(&self.list_name(), &after)
    }

    /// What a cursor must have been given out by: the table, the order and the filters.
    fn list_name(&self) -> String {
        let descending = if self.direction == Direction::Descending { "-" } else { "" };
        let filters = fingerprint(&self.filters);
        format!("{}:{descending}{}{filters}", E::table().name, self.order.join(","))
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

    /// Keeps the rows that `keep` wants; the others are no peers any more, and nothing is loaded for them.
    pub fn filter(mut self, keep: impl FnMut(&E) -> bool) -> Self {
        self.rows.retain(keep);
        self
    }

    /// Keeps the first `count` rows; the others are no peers any more, and nothing is loaded for them.
    pub fn take(mut self, count: usize) -> Self {
        self.rows.truncate(count);
        self
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

    /// The transaction that a write is part of.
    pub(crate) fn transaction(&self) -> &Connection {
        self.connection.as_deref().expect("writes have a transaction")
    }

    /// With whom rows that are loaded here become peers.
    pub(crate) fn peering(&self) -> Peering {
        Peering::of(&self.scope, self.tenant)
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
