//! The cohort behind a relation's field: who shares a load, and what it brought.

use std::any::TypeId;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};

use super::batch::RelationBatch;
use super::members::Members;
use super::path::Relation;
use super::seen::{Field, Member, Peering, Place, Rows, Viewer, shows};
use super::{Link, Related};
use crate::context::Origin;
use crate::error::DataError;
use crate::ownership::OrgId;
use crate::scope::{BatchKey, FEW, Loader, is_clone};
use crate::statement::CallSite;

/// Makes `rows` peers for one relation: `of` gives the value that links a row to its related rows, `field` the
/// relation's field. Called by the derive.
#[doc(hidden)]
pub fn link<E, F: Field>(
    rows: &mut [&mut E],
    peering: Peering,
    relation: &'static Relation<F::Row>,
    of: impl Fn(&E) -> Link,
    field: impl Fn(&mut E) -> &mut F,
) {
    let have_one_owner = peering.tenant.is_some() == F::Row::table().tenant.is_some();
    let is_whole = peering.whole && have_one_owner && rows.len() <= peering.cohort_size;
    for rows in rows.chunks_mut(peering.cohort_size) {
        let cohort = Arc::new(Cohort {
            relation,
            owner: peering.tenant.map_or_else(OnceLock::new, OnceLock::from),
            members: rows.iter().map(|row| of(row)).collect(),
            is_whole,
            keeps: AtomicBool::new(false),
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
    /// The link of each.
    members: Members<Link>,
    /// Whether they are all that their owner has.
    is_whole: bool,
    /// Whether rows stay here after an entity was given them.
    keeps: AtomicBool,
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
        let link = self.0.as_ref().map(|place| &place.cohort.members[place.index as usize].value);
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
        if place.take(&mut views, &touch.viewer) {
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

impl<R: Related> Place<R> {
    /// Gives the entity what its cohort has got for it, if it may be shown to `asking`; says whether it has. The rows
    /// move to an entity that is the only one of its kind, for nobody else will ask for them.
    fn take(&self, views: &mut [View<R>], asking: &Viewer) -> bool {
        let Some((by, rows)) = views.iter_mut().find_map(|view| {
            let rows = view.rows.as_mut().filter(|_| shows(&view.by, asking))?;
            Some((&view.by, &mut rows[self.index as usize]))
        }) else {
            return false;
        };
        let is_alone = self.cohort.members[self.index as usize].is_only_one();
        if by.is_none() && is_alone {
            self.keep(by, rows.take());
        } else {
            self.cohort.keeps.store(true, Ordering::Release);
            self.keep(by, rows.clone());
        }
        true
    }
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
        let viewer = origin.connection.map(|connection| Arc::clone(connection.fate()));
        let new = || RelationBatch::new(self.relation, tenant, origin, viewer, site);
        origin.scope.submit(key, site, new, |batch: &mut RelationBatch<R>| batch.add(Arc::clone(self)))
    }

    /// The links of the entities that somebody still holds, and their places.
    pub(super) fn wanted(&self) -> impl Iterator<Item = (u32, &Link)> {
        let held = (0..).zip(self.members.iter()).filter(|(_, member)| member.is_held());
        held.map(|(index, member)| (index, &member.value)).filter(|(_, link)| **link != Link::None)
    }

    /// Whether these links are those of all entities that there are.
    pub(super) fn has_all(&self, links: usize) -> bool {
        self.is_whole && links == self.size()
    }

    /// How many entities there were when they were loaded.
    pub(super) fn size(&self) -> usize {
        self.members.len()
    }

    /// One more copy of an entity, in the place of the old one.
    pub(super) fn copy(self: &Arc<Self>, old: &Place<R>) -> Place<R> {
        // Under the lock, since the rows may be on their way to the old one alone.
        let _views = self.views();
        self.members[old.index as usize].join();
        old.copy()
    }

    /// One copy less. When nobody holds the entity any more, its rows go.
    pub(super) fn leave(&self, place: &Place<R>) {
        let is_last = self.members[place.index as usize].leave();
        if is_last && (!place.has_own_rows() || self.keeps.load(Ordering::Acquire)) {
            self.forget(place.index);
        }
    }

    fn forget(&self, index: u32) {
        for view in 0.. {
            let forgotten = {
                let mut views = self.views();
                let Some(view) = views.get_mut(view) else { return };
                view.rows.as_mut().map(|rows| rows[index as usize].take())
            };
            // Outside the lock: the rows have relations of their own, perhaps to this cohort.
            drop(forgotten);
        }
    }

    /// Gives each member its rows: `of` has those of the member at a place.
    pub(super) fn fill(&self, by: &Viewer, mut of: impl FnMut(u32) -> Rows<R>) {
        let wakers = {
            let mut views = self.views();
            // Under the lock: who is dropped from now on finds the rows there and lets go of them.
            let members = (0..).zip(self.members.iter());
            let rows =
                members.map(|(index, member)| if member.is_held() { of(index) } else { None }).collect();
            let view = view_of(&mut views, by);
            view.rows = Some(rows);
            if by.is_some() {
                self.keeps.store(true, Ordering::Release);
            }
            view.running = false;
            std::mem::take(&mut view.wakers)
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    /// See [`Batch::holds_waker`](crate::scope::Batch::holds_waker), for the batch of `by`.
    pub(super) fn holds_waker(&self, by: &Viewer, waker: &Waker) -> usize {
        let Ok(views) = self.views.try_lock() else { return 0 };
        // The other views' wait for batches of their own.
        let own = views.iter().find(|view| same(&view.by, by));
        let wakers = own.into_iter().flat_map(|view| &view.wakers).take(FEW);
        wakers.filter(|held| is_clone(held, waker)).count()
    }

    pub(super) fn fail(&self, by: &Viewer, error: DataError) {
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
        if place.take(&mut views, &self.viewer) {
            return Poll::Ready(Ok(place.seen(&self.viewer).unwrap_or_default()));
        }
        let view = view_of(&mut views, &self.viewer);
        if view.failures > self.failures {
            return Poll::Ready(Err(view.error.clone().unwrap_or(DataError::Abandoned)));
        }
        view.wakers.push(cx.waker().clone());
        Poll::Pending
    }
}
