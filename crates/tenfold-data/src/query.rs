//! Lists of one entity: filter, order, page, and counts and sums over them. Anything richer is an author's SQL, see
//! `sql.rs`.

mod aggregate;
mod association;
mod condition;
mod filter;
mod kept;
mod money;
mod order;
mod rows;
mod search;
mod unique;

use std::future::Future;
use std::panic::Location;
use std::sync::Arc;

pub use self::association::Association;
use self::condition::{TestedRow, TextSearch};
pub use self::filter::Filter;
use self::filter::fingerprint;
pub use self::money::MoneyColumns;
use self::order::{Behind, LetterCase, SortColumn, SortDirection};
pub use self::rows::Rows;
use crate::context::{CallerOrigin, Reach};
use crate::entity::{Column, Entity};
use crate::error::DataError;
use crate::ownership::OrgId;
use crate::page::{self, Page};
use crate::relation::Peering;
use crate::scope::{Asker, RepeatCheck, Scope};
use crate::searched_tables::mark;
use crate::statement::{CallSite, Statement, StatementCost};
use crate::value::{ColumnType as _, Kind, Sortable, Value};

/// Whether the rows of a list are peers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Company {
    Peers,
    Alone,
}

/// A list of one entity, as it is built. [`EntityQuery::all`] runs it.
pub struct EntityQuery<E: Entity> {
    filters: Vec<Filter<E>>,
    order: Vec<SortColumn>,
    is_turned: bool,
    limit: Option<usize>,
    cursor: Option<String>,
    company: Company,
    repeats: RepeatCheck,
    /// Up to how many rows of the whole list are counted.
    total: Option<usize>,
}

impl<E: Entity> EntityQuery<E> {
    pub(crate) fn new() -> Self {
        EntityQuery {
            filters: Vec::new(),
            order: Vec::new(),
            is_turned: false,
            limit: None,
            cursor: None,
            company: Company::Peers,
            repeats: RepeatCheck::Counted,
            total: None,
        }
    }

    /// Keeps only rows that also pass `filter`.
    pub fn filter(mut self, filter: Filter<E>) -> Self {
        self.filters.push(filter);
        self
    }

    /// Orders by a column, after those that were named before. The key always decides last.
    pub fn order_by<T: Sortable>(mut self, column: Column<E, T>) -> Self {
        self.order.push(SortColumn::by(column.name(), SortDirection::Ascending));
        self
    }

    /// As [`order_by`](Self::order_by), but treats the letters A to Z and a to z as equal. It is the order of
    /// [`starts_with_ignore_ascii_case`](Column::starts_with_ignore_ascii_case), and the same index serves both. Texts
    /// that differ only in case are ordered by the columns that follow.
    pub fn order_by_ignore_ascii_case(mut self, column: Column<E, String>) -> Self {
        let order = SortColumn::by(column.name(), SortDirection::Ascending);
        self.order.push(SortColumn { case: LetterCase::Ignored, ..order });
        self
    }

    /// As [`order_by`](Self::order_by), the greatest first. An order with mixed directions needs an index with the same
    /// directions, `(org_id, status, sent_at DESC, id DESC)`. A page of it after a cursor may take one more statement
    /// for each change of direction.
    pub fn order_by_descending<T: Sortable>(mut self, column: Column<E, T>) -> Self {
        self.order.push(SortColumn::by(column.name(), SortDirection::Descending));
        self
    }

    /// Turns the whole order round.
    pub fn descending(mut self) -> Self {
        self.is_turned = true;
        self
    }

    /// Newest first: orders by the key, descending, because ids grow with time.
    pub fn newest_first(mut self) -> Self {
        self.order = vec![SortColumn::by(E::table().key, SortDirection::Ascending)];
        self.descending()
    }

    /// Also counts the rows of the whole list, up to `limit`: [`Listing::total`](crate::Listing::total) is the limit if
    /// there are that many or more. This costs one more statement, which reads the rows that it counts.
    pub fn with_total(mut self, limit: usize) -> Self {
        self.total = Some(limit);
        self
    }

    /// Makes no row a peer of another: touching a relation on one loads it for that row only. Use it for a list of
    /// which only a few rows are inspected further. A loop over all rows is faster with peers.
    pub fn alone(mut self) -> Self {
        self.company = Company::Alone;
        self
    }

    /// Returns one page. The page's limit bounds the list.
    pub fn page(mut self, page: &Page) -> Self {
        self.limit = Some(page.limit);
        self.cursor.clone_from(&page.cursor);
        self
    }

    /// Returns at most `limit` rows.
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Gives the reason why the query may repeat in one piece of work. The N+1 detector skips it.
    pub fn repeated(mut self, reason: &'static str) -> Self {
        self.repeats = RepeatCheck::unless(reason);
        self
    }

    /// The rows, as one cohort: touching a relation on one loads it for all.
    ///
    /// # Errors
    /// [`DataError::Cursor`] for a cursor of another list; [`DataError::TooManyRows`] when a list without page or limit
    /// exceeds `database.max_rows`; any error of the statement.
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
    /// As [`EntityQuery::all`].
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
        target.asker.repeats = target.asker.repeats.and(self.repeats());
        let wanted = self.limit.unwrap_or_else(|| target.scope.database().max_rows());
        let mut rows = match self.unique_key(&target, wanted) {
            Some(key) => self.unique_row(&target, key, wanted).await?,
            None => self.listed(&target, wanted).await?,
        };
        let more = rows.len() > wanted;
        if more && self.limit.is_none() {
            return Err(DataError::TooManyRows {
                statement: format!("{}.list", E::table().name),
                site: target.asker.site,
                limit: wanted,
            });
        }
        rows.truncate(wanted);
        let next_cursor = rows.last().filter(|_| more).map(|last| self.cursor_after(last));
        let is_whole = !more && self.cursor.is_none() && self.filters.is_empty();
        E::link(rows.iter_mut(), peering.whole(is_whole));
        let total = match self.total {
            Some(limit) => Some(self.counted(&target, Some(limit)).await?),
            None => None,
        };
        Ok(Rows { rows, next_cursor, total })
    }

    /// The rows, and one more than wanted if there is one.
    async fn fetch(&self, target: &Target, ranges: Vec<Range>, wanted: usize) -> Result<Vec<E>, DataError> {
        let mut rows = Vec::new();
        for range in ranges {
            let (statement, params) = self.statement(range, wanted.saturating_sub(rows.len()));
            rows.extend(target.fetch(&statement, &params, |row| E::read(row, target.asker.tenant)).await?);
            if rows.len() > wanted {
                break;
            }
        }
        Ok(rows)
    }

    /// Only a list filtered by a value can be an N+1. The pages of one list are none, whether they continue at a cursor
    /// or after a value that the author's filter names.
    pub(crate) fn repeats(&self) -> RepeatCheck {
        let goes_on =
            |filter: &Filter<E>| self.order.first().is_some_and(|first| filter.goes_on_behind(first.column));
        let is_page = self.cursor.is_some() || self.filters.iter().any(goes_on);
        if is_page || !self.filters.iter().any(Filter::is_by_value) {
            RepeatCheck::Skipped
        } else {
            self.repeats
        }
    }

    fn end_order_with_key(&mut self) {
        let key = E::table().key;
        if !self.order.iter().any(|order| order.column == key) {
            let direction = self.order.last().map_or(SortDirection::Ascending, |order| order.direction);
            self.order.push(SortColumn::by(key, direction));
        }
        if std::mem::take(&mut self.is_turned) {
            self.order.iter_mut().for_each(|order| order.direction = order.direction.turned());
        }
    }

    /// `WHERE …` of the tenant and the filters, or an empty text, with the parameters so far.
    fn condition(&self, target: &Target, behind: Option<&Behind>) -> Result<(String, Vec<Value>), DataError> {
        self.searches().into_iter().try_for_each(|search| target.check_index(search))?;
        let mut params: Vec<Value> = target.asker.tenant.iter().map(OrgId::to_value).collect();
        let mut conditions: Vec<String> =
            E::table().tenant.iter().map(|column| format!("{column} = $1")).collect();
        let dialect = target.scope.database().dialect();
        let place = TestedRow::of_list(E::table().name, dialect);
        conditions.extend(self.filters.iter().map(|filter| filter.condition(&place, behind, &mut params)));
        let text = if conditions.is_empty() {
            String::new()
        } else {
            format!(" WHERE {}", conditions.join(" AND "))
        };
        Ok((text, params))
    }

    /// The condition of a write, which changes all rows of the list and supports no page.
    pub(crate) fn whole_condition(&self, target: &Target) -> Result<(String, Vec<Value>), DataError> {
        if self.limit.is_some() {
            let table = E::table().name;
            let what =
                format!("a write to {table} at {} takes neither a page nor a limit", target.asker.site);
            return Err(DataError::Settings(what));
        }
        self.condition(target, None)
    }

    /// The cost of a page, or of one row. A search collects all its hits before the first of them is known, so it does not
    /// run inline.
    fn page_cost(&self) -> StatementCost {
        if self.searches().is_empty() { StatementCost::Page } else { StatementCost::Free }
    }

    fn searches(&self) -> Vec<&TextSearch> {
        let mut found = Vec::new();
        self.filters.iter().for_each(|filter| filter.test.searches(&mut found));
        found
    }

    /// The text of one range and its parameters. One row more than wanted shows whether there is a next page.
    fn statement(&self, (condition, mut params): Range, wanted: usize) -> (Statement, Vec<Value>) {
        let table = E::table();
        let order: Vec<_> = self.order.iter().map(SortColumn::text).collect();
        params.push(Value::Integer(i64::try_from(wanted).unwrap_or(i64::MAX).saturating_add(1)));
        let text = format!(
            "SELECT {} FROM {}{condition} ORDER BY {} LIMIT ${}",
            table.selected_list(),
            table.name,
            order.join(", "),
            params.len()
        );
        let cost = if self.limit.is_some() { self.page_cost() } else { StatementCost::Free };
        (table.statement("list", text, cost), params)
    }

    /// The ranges of the list that the page may lie in, in order. An index on the order serves each of them.
    ///
    /// If all columns have the same direction there is one range: `(email, id) > ($3, $4)`. If the direction changes,
    /// no comparison of tuples can express "after this row". Then the rows that equal it up to the change come first,
    /// and after them the rows beyond: `status = $3 AND (sent_at, id) < ($4, $5)`, then `status > $3`.
    fn ranges(&self, target: &Target) -> Result<Vec<Range>, DataError> {
        let Some(cursor) = &self.cursor else { return Ok(vec![self.condition(target, None)?]) };
        let kinds: Vec<Kind> = self.order.iter().map(|order| E::table().kind_of(order.column)).collect();
        let values = page::decode(cursor, &self.list_name(), &kinds)?;
        let behind = match (self.order.first(), values.first()) {
            (Some(order), Some(Value::Text(text))) => Some(Behind { order: *order, text: text.clone() }),
            _ => None,
        };
        let (condition, params) = self.condition(target, behind.as_ref())?;
        let word = if condition.is_empty() { "WHERE" } else { "AND" };
        let mut ranges = Vec::new();
        let mut end = 0;
        for run in self.order.chunk_by(|one, other| one.direction == other.direction) {
            let (start, mut params) = (end, params.clone());
            end += run.len();
            let first = params.len() + 1;
            params.extend(values[..end].iter().cloned());
            let marks: Vec<String> = (first..).take(end).map(|n| format!("${n}")).collect();
            let same = self.order[..start].iter().zip(&marks);
            let same: String =
                same.map(|(order, mark)| format!("{} = {mark} AND ", order.expression())).collect();
            let columns: Vec<_> = run.iter().map(SortColumn::expression).collect();
            let operator = if run[0].direction == SortDirection::Ascending { '>' } else { '<' };
            // SQLite does not use an index for a tuple that begins with an expression.
            let bound = match run[0].case {
                LetterCase::Told => String::new(),
                LetterCase::Ignored => format!("{} {operator}= {} AND ", columns[0], marks[start]),
            };
            let (columns, marks) = (columns.join(", "), marks[start..].join(", "));
            ranges
                .push((format!("{condition} {word} {same}{bound}({columns}) {operator} ({marks})"), params));
        }
        ranges.reverse();
        Ok(ranges)
    }

    fn cursor_after(&self, last: &E) -> String {
        let values = last.values();
        let table = E::table();
        let after: Vec<_> =
            self.order.iter().map(|order| order.value(&values[table.position(order.column)])).collect();
        page::encode(&self.list_name(), &after)
    }

    /// The identity of the list, which a cursor must match: the table, the order and the filters.
    fn list_name(&self) -> String {
        let order: Vec<_> = self.order.iter().map(SortColumn::text).collect();
        format!("{}:{}{}", E::table().name, order.join(","), fingerprint(&self.filters))
    }
}

/// The condition of a part of a list, and its parameters.
type Range = (String, Vec<Value>);

/// Where a statement runs, and on whose behalf.
pub(crate) struct Target {
    pub scope: Arc<Scope>,
    pub asker: Asker,
}

impl Target {
    /// Refuses a statement that bypasses an open transaction. It would wait for a second connection while its caller
    /// holds one, and would not see what the transaction wrote.
    pub(crate) fn of(origin: &CallerOrigin<'_>, for_tenant: bool, site: CallSite) -> Result<Self, DataError> {
        if origin.connection.is_none() {
            origin.scope.refuse_inside_transaction("a query", site)?;
        }
        Ok(Target { scope: Arc::clone(origin.scope), asker: origin.asker(site).for_rows(for_tenant) })
    }

    /// Refuses a search of a table that has no index for it.
    fn check_index(&self, search: &TextSearch) -> Result<(), DataError> {
        let mark = mark(search.table, search.texts);
        self.scope.database().searched().check(&mark, search.entity, self.asker.site)
    }

    /// How the rows that are loaded here become peers.
    pub(crate) fn peering(&self) -> Peering {
        Peering::of(&self.scope, self.asker.tenant)
    }

    pub(crate) async fn fetch<T: Send>(
        &self,
        statement: &Statement,
        params: &[Value],
        read: impl FnMut(&crate::row::Row<'_>) -> Result<T, crate::row::ReadError> + Send,
    ) -> Result<Vec<T>, DataError> {
        self.scope.fetch(&self.asker, statement, params, read).await
    }
}
