//! One entity's position in the cohort of a relation, and the rows that it received.

use std::sync::{Arc, OnceLock};

use super::cohort::Cohort;
use super::related::Related;
use super::rows::{HeldRows, LinkedRows, Viewer, shows};

/// A relation's field: [`One`](super::One), [`Many`](super::Many) or [`Count`](super::Count).
#[doc(hidden)]
pub trait Field: From<Member<Self::Row>> {
    type Row: Related;
}

/// One entity's place in a cohort, if it was loaded with one.
#[doc(hidden)]
pub struct Member<R: Related>(pub(super) Option<MemberPlace<R>>);

#[doc(hidden)]
pub struct MemberPlace<R: Related> {
    pub(super) cohort: Arc<Cohort<R>>,
    pub(super) index: u32,
    /// The rows loaded outside transactions.
    outside: OnceLock<LinkedRows<R>>,
    /// The rows loaded inside transactions. They may be borrowed for as long as the entity lives, so those of another
    /// transaction are appended.
    inside: OnceLock<Box<SeenBy<R>>>,
}

struct SeenBy<R> {
    by: Viewer,
    rows: LinkedRows<R>,
    next: OnceLock<Box<SeenBy<R>>>,
}

impl<R: Related> MemberPlace<R> {
    pub(super) fn new(cohort: Arc<Cohort<R>>, index: u32) -> Self {
        MemberPlace { cohort, index, outside: OnceLock::new(), inside: OnceLock::new() }
    }

    /// The place of a copy of the entity. What transactions loaded is still in the cohort.
    pub(super) fn copy(&self) -> Self {
        MemberPlace {
            outside: self.outside.clone(),
            ..MemberPlace::new(Arc::clone(&self.cohort), self.index)
        }
    }

    /// Whether the entity has received the rows loaded outside transactions.
    pub(super) fn has_own_rows(&self) -> bool {
        self.outside.get().is_some()
    }

    /// The rows that the entity has received, if they may be shown to `asking`.
    pub(super) fn seen(&self, asking: &Viewer) -> Option<&[R]> {
        let outside = self.outside.get().filter(|_| shows(&None, asking));
        let rows = outside.or_else(|| self.seen_inside(asking))?;
        Some(rows.as_deref().map(HeldRows::rows).unwrap_or_default())
    }

    fn seen_inside(&self, asking: &Viewer) -> Option<&LinkedRows<R>> {
        let seen = std::iter::successors(self.inside.get(), |seen| seen.next.get());
        seen.filter(|seen| shows(&seen.by, asking)).map(|seen| &seen.rows).next()
    }

    /// Stores the rows.
    pub(super) fn keep(&self, by: &Viewer, rows: LinkedRows<R>) {
        if by.is_none() {
            // Another task of the request may already have stored the same rows.
            self.outside.get_or_init(|| rows);
            return;
        }
        let mut seen = Box::new(SeenBy { by: by.clone(), rows, next: OnceLock::new() });
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
