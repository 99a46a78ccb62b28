//! Bounds the sign-ins that hash a password or wait for their turn to, so that a flood of them keeps nobody away. One network gets
//! only a share of the places.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::http::ClientAddress;

/// The places, counted by network; never more entries than places.
pub struct HashQueue {
    places: usize,
    share: usize,
    taken: Mutex<HashMap<String, usize>>,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashQueueFull {
    /// All are taken.
    Places,
    /// The network has its share of them.
    Share,
}

impl HashQueue {
    /// A queue with this many places. One network gets at most `share` of them.
    pub fn new(places: usize, share: usize) -> Arc<Self> {
        Arc::new(HashQueue { places, share, taken: Mutex::default() })
    }

    /// Takes a place until it is dropped.
    ///
    /// # Errors
    /// There is none.
    pub fn enter(self: &Arc<Self>, client: ClientAddress) -> Result<HashPlace, HashQueueFull> {
        let network = client.network().to_string();
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.values().sum::<usize>() >= self.places {
            return Err(HashQueueFull::Places);
        }
        if taken.get(&network).is_some_and(|own| *own >= self.share) {
            return Err(HashQueueFull::Share);
        }
        *taken.entry(network.clone()).or_default() += 1;
        Ok(HashPlace { queue: Arc::clone(self), network })
    }
}

/// A place in the queue.
pub struct HashPlace {
    queue: Arc<HashQueue>,
    network: String,
}

impl Drop for HashPlace {
    fn drop(&mut self) {
        let mut taken = self.queue.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = taken.get_mut(&self.network) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.network);
            }
        }
    }
}
