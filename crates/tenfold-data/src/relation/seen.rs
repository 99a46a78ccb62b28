//! What one entity's relation field holds: its place in a cohort, and what it was given.

use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

use super::cohort::Cohort;
use super::{Count, Counted, Many, One, Related};
use crate::entity::{Entity, OrgId};
use crate::scope::Scope;
use crate::transaction::Fate;

/// With whom the rows of one query become peers.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct Peering {
    pub(super) tenant: Option<OrgId>,
    pub(super) cohort_size: usize,
}

impl Peering {
    /// All that were loaded together, up to `database.cohort_size`.
    pub(crate) fn of(scope: &Scope, tenant: Option<OrgId>) -> Self {
        Peering { tenant, cohort_size: scope.database().cohort_size() }
    }

    /// Each row on its own.
    pub(crate) fn alone(self) -> Self {
        Peering { cohort_size: 1, ..self }
    }
}

/// A relation's field: [`One`], [`Many`] or [`Count`].
#[doc(hidden)]
pub trait Field: From<Member<Self::Row>> {
    type Row: Related;
}

macro_rules! field {
    ($field:ident, $row:ty) => {
        impl<T: Entity> Field for $field<T> {
            type Row = $row;
        }
        impl<T: Entity> From<Member<$row>> for $field<T> {
            fn from(member: Member<$row>) -> Self {
                $field(member)
            }
        }
        impl<T: Entity> Default for $field<T> {
            /// A relation of an entity that was not loaded: it has no rows to give before it is inserted.
            fn default() -> Self {
                $field(Member(None))
            }
        }
        impl<T: Entity> Clone for $field<T> {
            fn clone(&self) -> Self {
                $field(self.0.clone())
            }
        }
        impl<T: Entity> std::fmt::Debug for $field<T> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($field), "<{}>"), T::table().entity)
            }
        }
    };
}

field!(One, T);
field!(Many, T);
field!(Count, Counted<T>);

/// One entity's place in a cohort, if it was loaded with one.
#[doc(hidden)]
pub struct Member<R: Related>(pub(super) Option<Place<R>>);

#[doc(hidden)]
pub struct Place<R: Related> {
    pub(super) cohort: Arc<Cohort<R>>,
    pub(super) index: u32,
    seen: OnceLock<Box<Seen<R>>>,
}

/// What the entity was given. It may be borrowed for as long as the entity lives, so a second look, which follows
/// when the first was in a transaction that was rolled back, is put behind it.
struct Seen<R> {
    by: Viewer,
    rows: Rows<R>,
    next: OnceLock<Box<Seen<R>>>,
}

/// The rows of one link; none take no room. Entities with the same link share them.
pub(super) type Rows<R> = Option<Arc<[R]>>;

/// From where the database was looked at: inside a transaction, or outside of any.
pub(super) type Viewer = Option<Arc<Fate>>;

/// Whether what `seen_by` saw may be shown to `asking`. A transaction loads for itself, since it may have changed
/// the rows; what it saw is shown to others once it is committed.
pub(super) fn shows(seen_by: &Viewer, asking: &Viewer) -> bool {
    match (seen_by, asking) {
        (None, None) => true,
        (Some(then), Some(now)) => Arc::ptr_eq(then, now),
        (Some(then), None) => then.is_committed(),
        (None, Some(_)) => false,
    }
}

impl<R: Related> Place<R> {
    pub(super) fn new(cohort: Arc<Cohort<R>>, index: u32) -> Self {
        Place { cohort, index, seen: OnceLock::new() }
    }

    /// What the entity was given before, if it may be shown to `asking`.
    pub(super) fn seen(&self, asking: &Viewer) -> Option<&[R]> {
        let mut next = self.seen.get();
        while let Some(seen) = next {
            if shows(&seen.by, asking) {
                return Some(seen.rows.as_deref().unwrap_or_default());
            }
            next = seen.next.get();
        }
        None
    }

    /// Keeps what was found, and gives it.
    pub(super) fn keep(&self, by: Viewer, rows: Rows<R>) -> &[R] {
        let mut seen = Box::new(Seen { by, rows, next: OnceLock::new() });
        let mut end = &self.seen;
        loop {
            match end.set(seen) {
                Ok(()) => return end.get().and_then(|seen| seen.rows.as_deref()).unwrap_or_default(),
                Err(back) => seen = back,
            }
            if let Some(taken) = end.get() {
                end = &taken.next;
            }
        }
    }
}

impl<R: Related> Clone for Member<R> {
    fn clone(&self) -> Self {
        let place = self.0.as_ref().map(|place| {
            place.cohort.holders[place.index as usize].fetch_add(1, Ordering::Relaxed);
            Place::new(Arc::clone(&place.cohort), place.index)
        });
        Member(place)
    }
}

impl<R: Related> Drop for Member<R> {
    fn drop(&mut self) {
        if let Some(place) = &self.0
            && place.cohort.holders[place.index as usize].fetch_sub(1, Ordering::AcqRel) == 1
        {
            place.cohort.forget(place.index);
        }
    }
}
