//! The cohort behind a relation's field: who shares a load, and what it brought.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;

use super::link::Link;
use super::members::Members;
use super::path::Relation;
use super::place::Place;
use super::related::Related;
use super::rows::{Rows, Viewer, shows};
use crate::error::DataError;
use crate::ownership::OrgId;
use crate::scope::Answer;

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

pub(super) struct View<R> {
    by: Viewer,
    /// Each member's rows, once they are there.
    rows: Option<Box<[Rows<R>]>>,
    /// The load that is under way, for those who wait for it.
    pub(super) loading: Option<Arc<Answer<Result<(), DataError>>>>,
}

/// The view of exactly this viewer, made if there is none. What rolled back transactions saw goes.
pub(super) fn view_of<'v, R>(views: &'v mut Vec<View<R>>, by: &Viewer) -> &'v mut View<R> {
    let index = views.iter().position(|view| same(&view.by, by)).unwrap_or_else(|| {
        views.retain(|view| view.by.as_ref().is_none_or(|state| !state.is_rolled_back()));
        let by = by.clone();
        views.push(View { by, rows: None, loading: None });
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
    pub(super) fn take(&self, views: &mut [View<R>], asking: &Viewer) -> bool {
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
    pub(super) fn new(
        relation: &'static Relation<R>,
        owner: Option<OrgId>,
        links: impl Iterator<Item = Link>,
        is_whole: bool,
    ) -> Self {
        Cohort {
            relation,
            owner: owner.map_or_else(OnceLock::new, OnceLock::from),
            members: links.collect(),
            is_whole,
            keeps: AtomicBool::new(false),
            views: Mutex::new(Vec::new()),
        }
    }

    pub(super) fn relation(&self) -> &'static Relation<R> {
        self.relation
    }

    /// Whether the related rows are those of `tenant`; if nobody has asked yet, they are from here on.
    pub(super) fn belongs_to(&self, tenant: OrgId) -> bool {
        *self.owner.get_or_init(|| tenant) == tenant
    }

    /// The value that links the entity at a place.
    pub(super) fn link_of(&self, index: u32) -> &Link {
        &self.members[index as usize].value
    }

    pub(super) fn views(&self) -> MutexGuard<'_, Vec<View<R>>> {
        self.views.lock().unwrap_or_else(PoisonError::into_inner)
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
        let answer = {
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
            view.loading.take()
        };
        answer.iter().for_each(|answer| answer.set(Ok(())));
    }

    /// See [`Batch::holds_waker`](crate::scope::Batch::holds_waker), for the batch of `by`.
    pub(super) fn holds_waker(&self, by: &Viewer, waker: &Waker) -> usize {
        let Ok(views) = self.views.try_lock() else { return 0 };
        // The other views' wait for batches of their own.
        let own = views.iter().find(|view| same(&view.by, by));
        own.and_then(|view| view.loading.as_ref()).map_or(0, |answer| answer.holds_waker(waker))
    }

    pub(super) fn fail(&self, by: &Viewer, error: DataError) {
        let answer = view_of(&mut self.views(), by).loading.take();
        answer.iter().for_each(|answer| answer.set(Err(error.clone())));
    }
}
