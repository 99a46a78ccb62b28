//! The cohort behind a relation's field: who shares a load, and what it brought.

use std::any::{Any, TypeId};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_util::future::BoxFuture;

use super::path::Relation;
use super::seen::{Field, Member, Peering, Place, Rows, Viewer, shows};
use super::{Link, Related};
use crate::context::Origin;
use crate::entity::OrgId;
use crate::error::DataError;
use crate::row::Row;
use crate::scope::{Batch, BatchKey, FEW, Loader, Scope, Watch, is_clone};
use crate::statement::CallSite;
use crate::transaction::Connection;
use crate::value::{ColumnType as _, Value};

/// Makes `rows` peers for one relation: `of` gives the value that links a row to its related rows, `field` the
/// relation's field. Called by the derive.
#[doc(hidden)]
pub fn link<E, F: Field>(
    rows: &mut [E],
    peering: Peering,
    relation: &'static Relation<F::Row>,
    of: impl Fn(&E) -> Link,
    field: impl Fn(&mut E) -> &mut F,
) {
    for rows in rows.chunks_mut(peering.cohort_size) {
        let cohort = Arc::new(Cohort {
            relation,
            owner: peering.tenant.map_or_else(OnceLock::new, OnceLock::from),
            links: rows.iter().map(&of).collect(),
            holders: rows.iter().map(|_| AtomicU32::new(1)).collect(),
            views: Mutex::new(Vec::new()),
        });
        for (index, row) in (0..).zip(rows) {
            *field(row) = F::from(Member(Some(Place::new(Arc::clone(&cohort), index))));
        }
    }
}

/// The entities that load one relation together. Whoever keeps one of them for long keeps the others' keys, and
/// none of their rows.
#[doc(hidden)]
pub struct Cohort<R: Related> {
    relation: &'static Relation<R>,
    /// Whose rows are related: those of the entities' organization; if they belong to nobody, of the first
    /// organization that asked, for what is loaded for it must not be shown to another.
    owner: OnceLock<OrgId>,
    links: Box<[Link]>,
    /// How many copies of each entity there are; a dropped one is not loaded for any more.
    pub(super) holders: Box<[AtomicU32]>,
    /// What was loaded outside of transactions, and inside of each.
    views: Mutex<Vec<View<R>>>,
}

struct View<R> {
    by: Viewer,
    /// Each member's rows, once they are there.
    rows: Option<Box<[Rows<R>]>>,
    running: bool,
    failures: u64,
    error: Option<DataError>,
    wakers: Vec<Waker>,
}

impl<R: Related> Member<R> {
    /// The value that links this entity, for errors.
    pub(super) fn key(&self) -> String {
        let link = self.0.as_ref().map(|place| &place.cohort.links[place.index as usize]);
        match link {
            Some(Link::Uuid(id)) => format!("of {id}"),
            Some(Link::Integer(n)) => format!("of {n}"),
            Some(Link::Text(text)) => format!("of {text}"),
            Some(Link::None) | None => "of nothing".to_owned(),
        }
    }

    /// Asks for the rows of all peers, unless they are there or on their way.
    pub(super) fn touch<'a>(&'a self, origin: &Origin<'_>, site: CallSite) -> Touch<'a, R> {
        let viewer: Viewer = origin.connection.map(|connection| Arc::clone(connection.fate()));
        let mut touch = Touch { place: self.0.as_ref(), viewer, failures: 0, refused: None };
        let Some(place) = touch.place else { return touch };
        let cohort = &place.cohort;
        let tenant = R::table().tenant.and(origin.tenant);
        if tenant.is_some_and(|tenant| *cohort.owner.get_or_init(|| tenant) != tenant) {
            touch.refused = Some(DataError::OtherTenant { site });
            return touch;
        }
        if place.seen(&touch.viewer).is_some() {
            return touch;
        }
        let mut views = cohort.views();
        if views.iter().any(|view| view.rows.is_some() && shows(&view.by, &touch.viewer)) {
            return touch;
        }
        let view = view_of(&mut views, &touch.viewer);
        touch.failures = view.failures;
        if !view.running {
            match cohort.submit(origin, tenant, site) {
                Ok(()) => view.running = true,
                Err(error) => touch.refused = Some(error),
            }
        }
        touch
    }
}

/// The view of exactly this viewer, made if there is none. What rolled back transactions saw goes.
fn view_of<'v, R>(views: &'v mut Vec<View<R>>, by: &Viewer) -> &'v mut View<R> {
    let index = views.iter().position(|view| same(&view.by, by)).unwrap_or_else(|| {
        views.retain(|view| view.by.as_ref().is_none_or(|fate| !fate.is_rolled_back()));
        let by = by.clone();
        views.push(View { by, rows: None, running: false, failures: 0, error: None, wakers: Vec::new() });
        views.len() - 1
    });
    &mut views[index]
}

fn same(one: &Viewer, other: &Viewer) -> bool {
    one.as_ref().map(Arc::as_ptr) == other.as_ref().map(Arc::as_ptr)
}

impl<R: Related> Cohort<R> {
    fn views(&self) -> MutexGuard<'_, Vec<View<R>>> {
        self.views.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn submit(
        self: &Arc<Self>,
        origin: &Origin<'_>,
        tenant: Option<OrgId>,
        site: CallSite,
    ) -> Result<(), DataError> {
        let key = BatchKey {
            what: Loader::Relation(TypeId::of::<R>(), self.relation.from, self.relation.name),
            tenant,
            connection: origin.connection.map_or(0, |connection| connection.number()),
        };
        let new = || RelationBatch {
            tenant,
            connection: origin.connection.cloned(),
            viewer: origin.connection.map(|connection| Arc::clone(connection.fate())),
            site,
            watch: origin.watch,
            relation: self.relation,
            cohorts: Vec::new(),
        };
        origin
            .scope
            .submit(key, site, new, |batch: &mut RelationBatch<R>| batch.cohorts.push(Arc::clone(self)))
    }

    fn is_held(&self, index: usize) -> bool {
        self.holders[index].load(Ordering::Acquire) > 0
    }

    /// The links of the entities that somebody still holds.
    fn wanted(&self) -> impl Iterator<Item = &Link> {
        let held = self.links.iter().enumerate().filter(|(index, _)| self.is_held(*index));
        held.map(|(_, link)| link).filter(|link| **link != Link::None)
    }

    /// Lets go of the rows of an entity that nobody holds any more.
    pub(super) fn forget(&self, index: u32) {
        let mut forgotten = Vec::new();
        for rows in self.views().iter_mut().filter_map(|view| view.rows.as_mut()) {
            forgotten.push(rows[index as usize].take());
        }
        // Outside the lock: the rows have relations of their own, perhaps to this cohort.
        drop(forgotten);
    }

    /// Gives each member its rows, where `found` has those of each link.
    fn fill(&self, by: &Viewer, found: &[(Link, Arc<[R]>)]) {
        let of = |link: &Link| {
            let place = found.binary_search_by(|(other, _)| other.cmp(link)).ok()?;
            Some(Arc::clone(&found[place].1))
        };
        let wakers = {
            let mut views = self.views();
            // Under the lock: who is dropped from now on finds the rows there and lets go of them.
            let rows = (0..self.links.len()).map(|n| self.is_held(n).then(|| of(&self.links[n])).flatten());
            let rows = rows.collect();
            let view = view_of(&mut views, by);
            view.rows = Some(rows);
            view.running = false;
            std::mem::take(&mut view.wakers)
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    fn fail(&self, by: &Viewer, error: DataError) {
        let wakers = {
            let mut views = self.views();
            let view = view_of(&mut views, by);
            view.running = false;
            view.failures += 1;
            view.error = Some(error);
            std::mem::take(&mut view.wakers)
        };
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// Waits for one member's rows.
pub(super) struct Touch<'a, R: Related> {
    place: Option<&'a Place<R>>,
    viewer: Viewer,
    /// How often the load had failed when this wait began: a later failure is its own.
    failures: u64,
    refused: Option<DataError>,
}

impl<'a, R: Related> Future for Touch<'a, R> {
    type Output = Result<&'a [R], DataError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(place) = self.place else { return Poll::Ready(Ok(&[])) };
        if let Some(error) = self.refused.take() {
            return Poll::Ready(Err(error));
        }
        if let Some(rows) = place.seen(&self.viewer) {
            return Poll::Ready(Ok(rows));
        }
        let mut views = place.cohort.views();
        let loaded = views.iter().find_map(|view| {
            let rows = view.rows.as_ref().filter(|_| shows(&view.by, &self.viewer))?;
            Some((view.by.clone(), rows[place.index as usize].clone()))
        });
        if let Some((by, rows)) = loaded {
            return Poll::Ready(Ok(place.keep(by, rows)));
        }
        let view = view_of(&mut views, &self.viewer);
        if view.failures > self.failures {
            return Poll::Ready(Err(view.error.clone().unwrap_or(DataError::Abandoned)));
        }
        view.wakers.push(cx.waker().clone());
        Poll::Pending
    }
}

/// The same relation of several cohorts, as one statement.
struct RelationBatch<R: Related> {
    tenant: Option<OrgId>,
    connection: Option<Arc<Connection>>,
    viewer: Viewer,
    site: CallSite,
    watch: Watch,
    relation: &'static Relation<R>,
    cohorts: Vec<Arc<Cohort<R>>>,
}

impl<R: Related> RelationBatch<R> {
    async fn load(&self, scope: &Scope) -> Result<Vec<(Link, Arc<[R]>)>, DataError> {
        let mut links: Vec<&Link> = self.cohorts.iter().flat_map(|cohort| cohort.wanted()).collect();
        links.sort_unstable();
        links.dedup();
        if links.is_empty() {
            return Ok(Vec::new());
        }
        let links = Value::List(links.into_iter().map(Link::value).collect());
        let params: Vec<Value> = self.tenant.iter().map(OrgId::to_value).chain([links]).collect();
        let statement = self.relation.statement(scope.database().dialect());
        let (connection, read) = (self.connection.as_deref(), |row: &Row<'_>| self.relation.read(row));
        // One entity alone was not loaded with a list: in a loop it is an N+1, as a load by key would be.
        let alone = self.cohorts.iter().all(|cohort| cohort.links.len() == 1);
        let watch = if alone { self.watch } else { Watch::Nothing };
        let found = scope.fetch(connection, statement, &params, (self.site, watch), read).await?;
        let (links, mut rows): (Vec<Link>, Vec<R>) = found.into_iter().unzip();
        R::link(&mut rows, Peering::of(scope, self.tenant));
        Ok(by_link(links, rows))
    }
}

/// The rows of each link; the statement put them side by side. They are kept apart, so that an entity which
/// outlives its peers keeps its own only.
fn by_link<R>(links: Vec<Link>, rows: Vec<R>) -> Vec<(Link, Arc<[R]>)> {
    let mut rows = rows.into_iter();
    let mut parts: Vec<(Link, Arc<[R]>)> = Vec::new();
    let take = |rows: &mut std::vec::IntoIter<R>, count: usize| -> Arc<[R]> {
        match count {
            // The usual case, and one allocation less.
            1 => rows.next().map_or_else(|| Arc::new([]) as Arc<[R]>, |row| Arc::new([row])),
            _ => rows.take(count).collect(),
        }
    };
    for same in links.chunk_by(|one, other| one == other) {
        parts.push((same[0].clone(), take(&mut rows, same.len())));
    }
    // Both databases sort as Rust does (bytes, numbers); this makes the search right even if one did not.
    parts.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    parts
}

impl<R: Related> Batch for RelationBatch<R> {
    fn run(mut self: Box<Self>, scope: Arc<Scope>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let result = self.load(&scope).await;
            let cohorts = std::mem::take(&mut self.cohorts);
            match result {
                Ok(found) => cohorts.iter().for_each(|cohort| cohort.fill(&self.viewer, &found)),
                Err(error) => cohorts.iter().for_each(|cohort| cohort.fail(&self.viewer, error.clone())),
            }
        })
    }

    fn holds_waker(&self, waker: &Waker) -> usize {
        let held = |cohort: &Arc<Cohort<R>>| {
            let Ok(views) = cohort.views.try_lock() else { return 0 };
            // The other views' wait for batches of their own.
            let own = views.iter().find(|view| same(&view.by, &self.viewer));
            let wakers = own.into_iter().flat_map(|view| &view.wakers).take(FEW);
            wakers.filter(|held| is_clone(held, waker)).count()
        };
        self.cohorts.iter().take(FEW).map(held).sum()
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
