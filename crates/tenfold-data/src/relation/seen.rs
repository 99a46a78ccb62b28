//! What one entity's relation field holds: its place in a cohort, and what it was given.

use std::sync::{Arc, OnceLock};

use super::cohort::Cohort;
use super::{Count, Counted, Many, One, Related};
use crate::entity::Entity;
use crate::ownership::OrgId;
use crate::scope::Fate;
use crate::scope::Scope;

/// With whom the rows of one query become peers.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct Peering {
    pub(super) tenant: Option<OrgId>,
    pub(super) cohort_size: usize,
    /// There are no other rows of their kind: they are all that the organization has.
    pub(super) whole: bool,
}

impl Peering {
    /// All that were loaded together, up to `database.cohort_size`.
    pub(crate) fn of(scope: &Scope, tenant: Option<OrgId>) -> Self {
        Peering { tenant, cohort_size: scope.database().cohort_size(), whole: false }
    }

    /// Each row on its own.
    pub(crate) fn alone(self) -> Self {
        Peering { cohort_size: 1, ..self }
    }

    /// All that were loaded together, which are all that there are.
    pub(crate) fn whole(self, whole: bool) -> Self {
        Peering { whole, ..self }
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
    /// What was given outside of transactions.
    outside: OnceLock<Rows<R>>,
    /// What was given inside of some. It may be borrowed for as long as the entity lives, so what another one sees is
    /// put behind it.
    inside: OnceLock<Box<Seen<R>>>,
}

struct Seen<R> {
    by: Viewer,
    rows: Rows<R>,
    next: OnceLock<Box<Seen<R>>>,
}

/// The rows of one link; none take no room. Entities with the same link share them.
pub(super) type Rows<R> = Option<Arc<dyn Held<R>>>;

/// Rows that are kept. An entity keeps them behind this trait, so that the compiler, when it wants to know whether an
/// entity is `Send`, ends here: it would go on into the related entity, from there into the next, and give up at nine.
pub(super) trait Held<R>: Send + Sync {
    fn rows(&self) -> &[R];
    fn rows_mut(&mut self) -> &mut [R];
}

impl<R: Related, const N: usize> Held<R> for [R; N] {
    fn rows(&self) -> &[R] {
        self
    }
    fn rows_mut(&mut self) -> &mut [R] {
        self
    }
}

impl<R: Related> Held<R> for Box<[R]> {
    fn rows(&self) -> &[R] {
        self
    }
    fn rows_mut(&mut self) -> &mut [R] {
        self
    }
}

/// Takes the rows out of `found`, which keeps its memory. A few lie in one block with their count of holders, and only
/// more cost a second one.
pub(super) fn hold<R: Related>(found: &mut Vec<R>) -> Arc<dyn Held<R>> {
    fn few<R: Related, const N: usize>(found: &mut Vec<R>) -> Option<Arc<dyn Held<R>>> {
        let rows: Arc<[R]> = found.drain(..).collect();
        let rows: Arc<[R; N]> = rows.try_into().ok()?;
        Some(rows)
    }
    let few = match found.len() {
        1 => few::<R, 1>(found),
        2 => few::<R, 2>(found),
        3 => few::<R, 3>(found),
        4 => few::<R, 4>(found),
        _ => None,
    };
    few.unwrap_or_else(|| Arc::new(found.drain(..).collect::<Box<[R]>>()))
}

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
        Place { cohort, index, outside: OnceLock::new(), inside: OnceLock::new() }
    }

    /// The same for a copy of the entity. What transactions saw is still in the cohort.
    pub(super) fn copy(&self) -> Self {
        Place { outside: self.outside.clone(), ..Place::new(Arc::clone(&self.cohort), self.index) }
    }

    /// Whether it was given what is seen outside of transactions.
    pub(super) fn has_own_rows(&self) -> bool {
        self.outside.get().is_some()
    }

    /// What the entity was given before, if it may be shown to `asking`.
    pub(super) fn seen(&self, asking: &Viewer) -> Option<&[R]> {
        let outside = self.outside.get().filter(|_| shows(&None, asking));
        let rows = outside.or_else(|| self.seen_inside(asking))?;
        Some(rows.as_deref().map(Held::rows).unwrap_or_default())
    }

    fn seen_inside(&self, asking: &Viewer) -> Option<&Rows<R>> {
        let seen = std::iter::successors(self.inside.get(), |seen| seen.next.get());
        seen.filter(|seen| shows(&seen.by, asking)).map(|seen| &seen.rows).next()
    }

    /// Keeps what was found.
    pub(super) fn keep(&self, by: &Viewer, rows: Rows<R>) {
        if by.is_none() {
            // Another task of the request may have kept the same before.
            self.outside.get_or_init(|| rows);
            return;
        }
        let mut seen = Box::new(Seen { by: by.clone(), rows, next: OnceLock::new() });
        let mut end = &self.inside;
        while let Err(back) = end.set(seen) {
            seen = back;
            let Some(taken) = end.get() else { return };
            end = &taken.next;
        }
    }
}

impl<R: Related> Clone for Member<R> {
    fn clone(&self) -> Self {
        Member(self.0.as_ref().map(|place| place.cohort.copy(place)))
    }
}

impl<R: Related> Drop for Member<R> {
    fn drop(&mut self) {
        if let Some(place) = &self.0 {
            place.cohort.leave(place);
        }
    }
}
