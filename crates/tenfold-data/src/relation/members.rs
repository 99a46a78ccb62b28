//! Those who were loaded together, and who of them is still there.

use std::ops::Deref;
use std::sync::atomic::{AtomicU32, Ordering};

/// What is known of each. One who was loaded alone takes no room of his own.
pub(super) enum Members<T> {
    Alone([Held<T>; 1]),
    Several(Box<[Held<T>]>),
}

/// One of them.
pub(super) struct Held<T> {
    pub(super) value: T,
    /// How many copies of it there are; a dropped one is not asked for any more.
    holders: AtomicU32,
}

impl<T> Held<T> {
    pub(super) fn is_held(&self) -> bool {
        self.holders.load(Ordering::Acquire) > 0
    }

    /// Whether nobody has made a copy of it.
    pub(super) fn is_only_one(&self) -> bool {
        self.holders.load(Ordering::Acquire) == 1
    }

    /// One copy more.
    pub(super) fn join(&self) {
        self.holders.fetch_add(1, Ordering::AcqRel);
    }

    /// One copy less; whether it was the last.
    pub(super) fn leave(&self) -> bool {
        self.holders.fetch_sub(1, Ordering::AcqRel) == 1
    }
}

/// Each is held once.
impl<T> FromIterator<T> for Members<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut members = values.into_iter().map(|value| Held { value, holders: AtomicU32::new(1) });
        match (members.next(), members.next()) {
            (Some(alone), None) => Members::Alone([alone]),
            (first, second) => Members::Several(first.into_iter().chain(second).chain(members).collect()),
        }
    }
}

impl<T> Deref for Members<T> {
    type Target = [Held<T>];

    fn deref(&self) -> &[Held<T>] {
        match self {
            Members::Alone(alone) => alone,
            Members::Several(several) => several,
        }
    }
}
