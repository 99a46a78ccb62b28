//! Relations for which reading whole lists from link to link has turned out to be the long way: their rows have many
//! strays among them, or are too many. It is not tried for a while.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// So many loads go by after a detour.
const PAUSE: u32 = 255;

/// The relations of one database that are looked up by their links, by the table that has them and their name, and how many
/// loads go by before the other way is tried again.
#[derive(Default)]
pub(crate) struct Detours {
    /// As a rule there are none, and nobody has to wait for the lock.
    any: AtomicBool,
    waits: Mutex<HashMap<Name, u32>>,
}

type Name = (&'static str, &'static str);

impl Detours {
    /// Whether the relation is to be read from link to link.
    pub(crate) fn may_try(&self, relation: Name) -> bool {
        if !self.any.load(Ordering::Acquire) {
            return true;
        }
        let mut waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        match waits.get_mut(&relation) {
            Some(0) => {
                waits.remove(&relation);
                true
            }
            Some(wait) => {
                *wait -= 1;
                false
            }
            None => true,
        }
    }

    /// Notes that it was the long way.
    pub(crate) fn note(&self, relation: Name) {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner).insert(relation, PAUSE);
        self.any.store(true, Ordering::Release);
    }
}
