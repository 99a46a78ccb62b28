//! The entities that were loaded together, and which of them are still held.

use std::ops::Deref;
use std::sync::atomic::{AtomicU32, Ordering};

/// The members. A single one is stored inline.
pub(super) enum Members<T> {
    Alone([HeldMember<T>; 1]),
    Several(Box<[HeldMember<T>]>),
}

/// One member.
pub(super) struct HeldMember<T> {
    pub(super) value: T,
    /// How many copies of the entity there are. At 0 nothing is loaded for it any more.
    holders: AtomicU32,
}

impl<T> HeldMember<T> {
    pub(super) fn is_held(&self) -> bool {
        self.holders.load(Ordering::Acquire) > 0
    }

    /// Whether the entity has no copies.
    pub(super) fn is_only_one(&self) -> bool {
        self.holders.load(Ordering::Acquire) == 1
    }

    /// Counts one more copy.
    pub(super) fn join(&self) {
        self.holders.fetch_add(1, Ordering::AcqRel);
    }

    /// Counts one copy less. Returns whether it was the last.
    pub(super) fn leave(&self) -> bool {
        self.holders.fetch_sub(1, Ordering::AcqRel) == 1
    }
}

/// Each member starts with one holder.
impl<T> FromIterator<T> for Members<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut members = values.into_iter().map(|value| HeldMember { value, holders: AtomicU32::new(1) });
        match (members.next(), members.next()) {
            (Some(alone), None) => Members::Alone([alone]),
            (first, second) => Members::Several(first.into_iter().chain(second).chain(members).collect()),
        }
    }
}

impl<T> Deref for Members<T> {
    type Target = [HeldMember<T>];

    fn deref(&self) -> &[HeldMember<T>] {
        match self {
            Members::Alone(alone) => alone,
            Members::Several(several) => several,
        }
    }
}
