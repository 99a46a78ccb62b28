//! Bounds the sign-ins that wait for their turn to hash, so that a flood of them does not keep operators away. One network gets only
//! a share of the places.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tenfold::http::ClientAddress;

/// Running and waiting sign-ins.
const PLACES: usize = 8;
/// Those of one network.
const SHARE: usize = 2;

/// The places, counted by network; never more entries than places.
#[derive(Default)]
pub(super) struct ConsoleQueue(Mutex<HashMap<String, usize>>);

impl ConsoleQueue {
    /// Takes a place until it is dropped. None if all are taken, or the network's share of them.
    pub(super) fn enter(&self, client: ClientAddress) -> Option<ConsolePlace<'_>> {
        let network = client.network().to_string();
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = taken.get(&network).copied().unwrap_or_default();
        if taken.values().sum::<usize>() >= PLACES || own >= SHARE {
            return None;
        }
        taken.insert(network.clone(), own + 1);
        Some(ConsolePlace { queue: self, network })
    }
}

/// A place in the queue.
pub(super) struct ConsolePlace<'a> {
    queue: &'a ConsoleQueue,
    network: String,
}

impl Drop for ConsolePlace<'_> {
    fn drop(&mut self) {
        let mut taken = self.queue.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = taken.get_mut(&self.network) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.network);
            }
        }
    }
}
