//! One statement for the same relation of several cohorts, and how its rows find their entities.

use std::any::Any;
use std::sync::Arc;
use std::task::Waker;

use futures_util::future::BoxFuture;

use super::cohort::Cohort;
use super::link::Link;
use super::path::Relation;
use super::peering::Peering;
use super::related::Related;
use super::rows::{HeldRows, LinkedRows, Viewer, hold};
use crate::cache::{CacheKey, CacheLookup, Codec, RowCache, RowOwner, load};
use crate::entity::ListForm;
use crate::error::DataError;
use crate::ownership::OrgId;
use crate::row::{ReadError, Row};
use crate::scope::{Asker, Batch, FEW, Scope};
use crate::statement::{Dialect, Statement};
use crate::value::{ColumnType as _, Value};

/// The same relation of several cohorts, as one statement.
pub(super) struct RelationBatch<R: Related> {
    relation: &'static Relation<R>,
    asker: Asker,
    viewer: Viewer,
    cohorts: Vec<Arc<Cohort<R>>>,
}

impl<R: Related> RelationBatch<R> {
    pub(super) fn new(relation: &'static Relation<R>, asker: Asker) -> Self {
        RelationBatch { relation, viewer: asker.transaction_state(), asker, cohorts: Vec::new() }
    }

    pub(super) fn add(&mut self, cohort: Arc<Cohort<R>>) {
        self.cohorts.push(cohort);
    }

    /// What was wanted, and the rows of each link.
    async fn load(&self, scope: &Scope) -> Result<(WantedLinks, Vec<LinkedRows<R>>), DataError> {
        let wanted = WantedLinks::of(&self.cohorts);
        if wanted.links.is_empty() {
            return Ok((wanted, Vec::new()));
        }
        let mut rows = match self.relation.cache_lookup().zip(scope.cache_for(&self.asker)) {
            Some((lookup, cache)) => self.cached(scope, cache, lookup, &wanted.links).await?,
            None => match self.between(scope, &wanted.links).await? {
                Some(rows) => rows,
                None => self.by_links(scope, &wanted.links).await?,
            },
        };
        // Nobody else has them yet.
        let all = rows.iter_mut().flatten().filter_map(Arc::get_mut).flat_map(HeldRows::rows_mut);
        R::link(all, Peering::of(scope, self.asker.tenant));
        Ok((wanted, rows))
    }

    /// From the cache where it has them. The others are loaded with one statement.
    async fn cached(
        &self,
        scope: &Scope,
        cache: &Arc<RowCache>,
        lookup: CacheLookup,
        links: &[Link],
    ) -> Result<Vec<LinkedRows<R>>, DataError> {
        // An answer that is made from the cache depends on the table as well.
        scope.note_named(R::table().name);
        let tenant = self.asker.tenant;
        let owner = RowOwner::of(R::table().tenant, tenant);
        let key = |link: &Link| CacheKey::of::<R>(R::table().name, owner?, lookup, &link.value());
        let codec = Codec {
            read: |columns: &[Value]| {
                let mut rows = R::read_stored(columns, tenant)?;
                Ok((!rows.is_empty()).then(|| hold(&mut rows)))
            },
            columns: |rows: &LinkedRows<R>| {
                R::stored(rows.as_ref().map(|rows| rows.rows()).unwrap_or_default())
            },
        };
        let fetch = |places: Vec<usize>| {
            let missing: Vec<Link> = places.into_iter().map(|place| links[place].clone()).collect();
            async move {
                let is_all = missing.len() == links.len();
                match if is_all { self.between(scope, &missing).await? } else { None } {
                    Some(rows) => Ok(rows),
                    None => self.by_links(scope, &missing).await,
                }
            }
        };
        load(cache, scope.clock(), links.iter().map(key).collect(), codec, fetch).await
    }

    async fn by_links(&self, scope: &Scope, links: &[Link]) -> Result<Vec<LinkedRows<R>>, DataError> {
        let list = Value::List(links.iter().map(Link::value).collect());
        let form = ListForm::of(scope.database().dialect(), links.len());
        let mut found = FoundRows::new(links, None);
        let own = self.relation.link_among_columns();
        let (place, kind) = (self.relation.link_place(), self.relation.link_kind());
        let read = |row: &Row<'_>| {
            let related = R::read(row, self.asker.tenant)?;
            let link = own.map_or_else(|| Link::read(row, place, kind), |own| Ok(related.link_at(own)))?;
            // The statement gives only what it was asked for; if it did not, the row would belong to nobody.
            found.push(&link, related).map(drop)
        };
        self.fetch(scope, self.relation.statement(form), [list], read).await?;
        Ok(found.end())
    }

    /// The related rows of a list that is whole, as they lie in the index from its first link to its last: a search for each
    /// link is spared, and on PostgreSQL the planning for them.
    ///
    /// Strays, which refer to nobody of the list, are passed over: their parent is gone, or came meanwhile. If they are many,
    /// or the rows are, nothing is given, and the links are to be looked up.
    async fn between(&self, scope: &Scope, links: &[Link]) -> Result<Option<Vec<LinkedRows<R>>>, DataError> {
        let ([cohort], [first, .., last]) = (&*self.cohorts, links) else { return Ok(None) };
        if !cohort.has_all(links.len()) {
            return Ok(None);
        }
        let (statement, own) = (self.relation.between_statement(), self.relation.link_among_columns());
        let (Some(statement), Some(own)) = (statement, own) else { return Ok(None) };
        let bearable = |rows: usize| FEW_STRAYS + STRAYS_A_ROW * rows;
        let limit = if self.relation.has_one_row() { links.len() + bearable(links.len()) } else { MOST_ROWS };
        let limit_value = i64::try_from(limit).map_or(Value::Null, Value::Integer);
        let can_stop = scope.database().dialect() == Dialect::Sqlite;
        let key = R::table().selected().position(|name| name == R::table().key);
        let (mut found, mut mine, mut strays) = (FoundRows::new(links, key), 0, 0);
        let kind = self.relation.link_kind();
        let read = |row: &Row<'_>| {
            let is_mine = match R::read(row, self.asker.tenant) {
                Ok(related) => found.push(&related.link_at(own), related)?,
                // What cannot be read is no matter if nobody asked for it.
                Err(error) if found.place_of(&Link::read(row, own, kind)?).is_some() => return Err(error),
                Err(_) => false,
            };
            if is_mine {
                mine += 1;
            } else {
                strays += 1;
            }
            // PostgreSQL has sent them all by now.
            if can_stop && strays > bearable(mine) { Err(ReadError::enough()) } else { Ok(()) }
        };
        self.fetch(scope, statement, [first.value(), last.value(), limit_value], read).await?;
        let is_cut_off = mine + strays >= limit || (can_stop && strays > bearable(mine));
        Ok((!is_cut_off).then(|| found.end()))
    }

    async fn fetch(
        &self,
        scope: &Scope,
        statement: &Statement,
        params: impl IntoIterator<Item = Value>,
        read: impl FnMut(&Row<'_>) -> Result<(), ReadError> + Send,
    ) -> Result<(), DataError> {
        let params: Vec<Value> = self.asker.tenant.iter().map(OrgId::to_value).chain(params).collect();
        // One entity alone was not loaded with a list: in a loop it is an N+1, as a load by key would be.
        let is_alone = self.cohorts.iter().all(|cohort| cohort.size() == 1);
        let asker = if is_alone { self.asker.clone() } else { self.asker.for_many() };
        scope.fetch(&asker, statement, &params, read).await.map(drop)
    }
}

/// So many strays are read in any case, and so many more for each row that is wanted: to search for a link takes as long as
/// to read some three rows that lie side by side.
const FEW_STRAYS: usize = 16;
const STRAYS_A_ROW: usize = 2;
/// So many rows at most are read from link to link, where a link may have any number: on PostgreSQL some two milliseconds,
/// for which loads by key may have to wait that share the lane.
const MOST_ROWS: usize = 5_000;

/// The links of a batch in order, each once, and who wants them.
struct WantedLinks {
    links: Vec<Link>,
    /// For each cohort, which link each of its members wants; [`NOBODY`] where a member was dropped.
    by_member: Vec<Vec<u32>>,
    /// Whether a link is wanted by several.
    shared: bool,
}

const NOBODY: u32 = u32::MAX;

impl WantedLinks {
    fn of<R: Related>(cohorts: &[Arc<Cohort<R>>]) -> Self {
        let mut members: Vec<(&Link, u32, u32)> = (0..)
            .zip(cohorts)
            .flat_map(|(number, cohort)| cohort.wanted().map(move |(index, link)| (link, number, index)))
            .collect();
        // Sorted, for the rows of neighbours lie side by side in an index, and so that equal ones meet.
        members.sort_unstable();
        let mut links: Vec<Link> = Vec::with_capacity(members.len());
        let mut by_member: Vec<Vec<u32>> = cohorts.iter().map(|cohort| vec![NOBODY; cohort.size()]).collect();
        let count = members.len();
        for (link, cohort, index) in members {
            if links.last() != Some(link) {
                links.push(link.clone());
            }
            by_member[cohort as usize][index as usize] = place(links.len() - 1);
        }
        let shared = links.len() < count;
        WantedLinks { links, by_member, shared }
    }
}

/// A cohort has at most as many entities as fit into `u32`, so batches do.
fn place(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(NOBODY)
}

/// The rows as they come, put apart by link at once: an entity which outlives its peers keeps its own rows only, and no
/// copy is made of a list that is many times larger than what one entity has.
struct FoundRows<'w, R> {
    wanted: &'w [Link],
    rows: Vec<LinkedRows<R>>,
    /// Which link the last row belongs to, and the rows of that link so far.
    place: u32,
    of_place: Vec<R>,
    /// Where the key stands among the columns that are read, if the rows of one link are to be put in its order.
    key: Option<usize>,
}

impl<'w, R: Related> FoundRows<'w, R> {
    fn new(wanted: &'w [Link], key: Option<usize>) -> Self {
        let rows = wanted.iter().map(|_| None).collect();
        FoundRows { wanted, rows, place: 0, of_place: Vec::new(), key }
    }

    /// Says whether the row is wanted by anybody.
    fn push(&mut self, link: &Link, row: R) -> Result<bool, ReadError> {
        let Some(place) = self.place_of(link) else { return Ok(false) };
        if place != self.place {
            self.close();
            self.place = place;
            if self.rows[place as usize].is_some() {
                return Err(ReadError::new(0, "rows of one link side by side", "others between them"));
            }
        }
        self.of_place.push(row);
        Ok(true)
    }

    /// As a rule a row belongs to the link of the row before it or to the next one.
    fn place_of(&self, link: &Link) -> Option<u32> {
        let near = [self.place, self.place.saturating_add(1)];
        let near = near.into_iter().find(|place| self.wanted.get(*place as usize) == Some(link));
        near.or_else(|| self.wanted.binary_search(link).ok().map(place))
    }

    /// No more rows of this link.
    fn close(&mut self) {
        if !self.of_place.is_empty() {
            // As a rule they come in its order: the index that gives them has the key behind the link.
            if let Some(key) = self.key
                && !self.of_place.is_sorted_by_key(|row| row.link_at(key))
            {
                self.of_place.sort_by_cached_key(|row| row.link_at(key));
            }
            self.rows[self.place as usize] = Some(hold(&mut self.of_place));
        }
    }

    /// The rows of each link.
    fn end(mut self) -> Vec<LinkedRows<R>> {
        self.close();
        self.rows
    }
}

impl<R: Related> Batch for RelationBatch<R> {
    fn run(mut self: Box<Self>, scope: Arc<Scope>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let result = self.load(&scope).await;
            let cohorts = std::mem::take(&mut self.cohorts);
            match result {
                Ok((wanted, mut rows)) => {
                    for (cohort, places) in cohorts.iter().zip(&wanted.by_member) {
                        let of = |index: u32| {
                            let rows = rows.get_mut(places[index as usize] as usize)?;
                            if wanted.shared { rows.clone() } else { rows.take() }
                        };
                        cohort.fill(&self.viewer, of);
                    }
                }
                Err(error) => cohorts.iter().for_each(|cohort| cohort.fail(&self.viewer, error.clone())),
            }
        })
    }

    fn holds_waker(&self, waker: &Waker) -> usize {
        self.cohorts.iter().take(FEW).map(|cohort| cohort.holds_waker(&self.viewer, waker)).sum()
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}

impl<R: Related> Drop for RelationBatch<R> {
    fn drop(&mut self) {
        // Cohorts that were answered have been taken out; the rest must not leave anybody waiting.
        self.cohorts.iter().for_each(|cohort| cohort.fail(&self.viewer, DataError::Abandoned));
    }
}
