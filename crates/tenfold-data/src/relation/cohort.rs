//! The cohort behind a relation's field: the entities that share a load, and the rows that it returned.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;

use super::link::Link;
use super::members::Members;
use super::path::Relation;
use super::place::MemberPlace;
use super::related::Related;
use super::rows::{LinkedRows, Viewer, shows};
use crate::error::DataError;
use crate::ownership::OrgId;
use crate::scope::Answer;

/// The entities that load one relation together. Code that keeps one of them for long also keeps the others' keys, but
/// none of their rows.
#[doc(hidden)]
pub struct Cohort<R: Related> {
    relation: &'static Relation<R>,
    /// The organization whose rows are related: that of the entities. If the entities belong to no organization, it is
    /// the first organization that loaded the relation, because its rows must not be shown to another.
    owner: OnceLock<OrgId>,
    /// The link of each member.
    members: Members<Link>,
    /// Whether the members are all entities that their owner has.
    is_whole: bool,
    /// Whether rows stay here after an entity has received them.
    keeps: AtomicBool,
    /// What was loaded outside transactions, and inside each transaction.
    views: Mutex<Vec<View<R>>>,
}

pub(super) struct View<R> {
    by: Viewer,
    /// Each member's rows, once they are loaded.
    rows: Option<Box<[LinkedRows<R>]>>,
    /// The load that is under way, for its waiters.
    pub(super) loading: Option<Arc<Answer<Result<(), DataError>>>>,
}

/// The view of exactly this viewer, created if missing. Views of rolled back transactions are dropped.
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

impl<R: Related> MemberPlace<R> {
    /// Gives the entity the rows that its cohort holds for it, if they may be shown to `asking`. Returns whether it
    /// did. If the entity has no copies, the rows move to it, because no other entity will need them.
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

    /// Whether the related rows are those of `tenant`. If no organization has loaded them yet, `tenant` becomes their
    /// owner.
    pub(super) fn belongs_to(&self, tenant: OrgId) -> bool {
        *self.owner.get_or_init(|| tenant) == tenant
    }

    /// The link of the entity at this position.
    pub(super) fn link_of(&self, index: u32) -> &Link {
        &self.members[index as usize].value
    }

    pub(super) fn views(&self) -> MutexGuard<'_, Vec<View<R>>> {
        self.views.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The links of the entities that are still held, and their positions.
    pub(super) fn wanted(&self) -> impl Iterator<Item = (u32, &Link)> {
        let held = (0..).zip(self.members.iter()).filter(|(_, member)| member.is_held());
        held.map(|(index, member)| (index, &member.value)).filter(|(_, link)| **link != Link::None)
    }

    /// Whether this is the number of all entities that the owner has.
    pub(super) fn has_all(&self, links: usize) -> bool {
        self.is_whole && links == self.size()
    }

    /// How many entities were loaded.
    pub(super) fn size(&self) -> usize {
        self.members.len()
    }

    /// Adds a copy of an entity, at the position of the old one.
    pub(super) fn copy(self: &Arc<Self>, old: &MemberPlace<R>) -> MemberPlace<R> {
        // Under the lock, because the rows may be about to move to the old one.
        let _views = self.views();
        self.members[old.index as usize].join();
        old.copy()
    }

    /// Removes a copy. With the last copy of the entity its rows are dropped.
    pub(super) fn leave(&self, place: &MemberPlace<R>) {
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

    /// Stores each member's rows: `of` returns those of the member at a position.
    pub(super) fn fill(&self, by: &Viewer, mut of: impl FnMut(u32) -> LinkedRows<R>) {
        let answer = {
            let mut views = self.views();
            // Under the lock: an entity that is dropped from now on finds its rows here and drops them.
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
        // The other views wait for batches of their own.
        let own = views.iter().find(|view| same(&view.by, by));
        own.and_then(|view| view.loading.as_ref()).map_or(0, |answer| answer.holds_waker(waker))
    }

    pub(super) fn fail(&self, by: &Viewer, error: DataError) {
        let answer = view_of(&mut self.views(), by).loading.take();
        answer.iter().for_each(|answer| answer.set(Err(error.clone())));
    }
}
