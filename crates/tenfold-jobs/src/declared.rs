//! What an application declares to the transactions of its database: kinds, queues and listeners.

use std::collections::{HashMap, HashSet};
use std::sync::{PoisonError, RwLock};

/// The kinds, queues and listeners of all registries of a database. Until the first registry is declared every kind and
/// queue is accepted: a database that is used without an application has none.
#[derive(Default)]
#[doc(hidden)]
pub struct DeclaredKinds(RwLock<DeclaredNames>);

#[derive(Default)]
struct DeclaredNames {
    kinds: HashSet<String>,
    queues: HashSet<&'static str>,
    /// The kinds of the deliveries of each event.
    listeners: HashMap<&'static str, Vec<&'static str>>,
}

impl DeclaredKinds {
    pub(crate) fn add_kinds<'a>(
        &self,
        kinds: impl Iterator<Item = &'a String>,
        queues: impl Iterator<Item = &'static str>,
    ) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.kinds.extend(kinds.cloned());
        known.queues.extend(queues);
    }

    pub(crate) fn set_listeners(&self, listeners: &HashMap<&'static str, Vec<&'static str>>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).listeners.clone_from(listeners);
    }

    pub(crate) fn has_kind(&self, kind: &str) -> bool {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.kinds.is_empty() || known.kinds.contains(kind)
    }

    pub(crate) fn has_queue(&self, queue: &str) -> bool {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.queues.is_empty() || known.queues.contains(queue)
    }

    /// The kinds of the deliveries of an event.
    pub(crate) fn listeners(&self, event: &str) -> Vec<&'static str> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.listeners.get(event).cloned().unwrap_or_default()
    }
}
