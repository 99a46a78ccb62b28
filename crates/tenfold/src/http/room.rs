//! Places for connections: `http.max_connections`, and which connection makes room for the next.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::buffers::BufferBudget;
use super::connection::Activity;

/// A connection that has been quiet for less than this keeps its place: its next request may be on the way.
const REST: Duration = Duration::from_secs(1);
/// How often the connections are searched for one that can make room.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The open connections.
pub(super) struct Room {
    places: Arc<Semaphore>,
    size: usize,
    open: Mutex<HashMap<u64, Arc<Activity>>>,
    next: AtomicU64,
    buffers: Arc<BufferBudget>,
}

impl Room {
    pub(super) fn new(size: usize, buffers: Arc<BufferBudget>) -> Arc<Self> {
        let (places, open) = (Arc::new(Semaphore::new(size)), Mutex::default());
        Arc::new(Room { places, size, open, next: AtomicU64::new(0), buffers })
    }

    /// A place for a connection, as soon as one is free. While none is, the connection that has been quiet for
    /// longest is closed; a connection with a request in progress is never closed.
    pub(super) async fn enter(self: &Arc<Self>) -> ConnectionPlace {
        let permit = tokio::select! {
            biased;
            permit = Arc::clone(&self.places).acquire_owned() => permit,
            () = self.make_room() => unreachable!("it has no end of its own"),
        };
        let permit = permit.expect("the semaphore is never closed");
        let activity = Activity::begin(self.buffers.open());
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.open().insert(number, Arc::clone(&activity));
        ConnectionPlace { room: Arc::clone(self), number, activity, _permit: permit }
    }

    /// The number of connections.
    pub(super) fn taken(&self) -> usize {
        self.size - self.places.available_permits()
    }

    async fn make_room(&self) {
        loop {
            if let Some(activity) = self.longest_at_rest(Instant::now()) {
                activity.ask_to_leave();
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn longest_at_rest(&self, now: Instant) -> Option<Arc<Activity>> {
        let open = self.open();
        // A connection that was asked leaves as soon as its task runs, and one free place is enough.
        if open.values().any(|activity| activity.is_asked_to_leave()) {
            return None;
        }
        let resting = open.values().filter_map(|activity| Some((activity.at_rest_since()?, activity)));
        let (since, activity) = resting.min_by_key(|(since, _)| *since)?;
        (now - since >= REST).then(|| Arc::clone(activity))
    }

    fn open(&self) -> MutexGuard<'_, HashMap<u64, Arc<Activity>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place, which is freed when this is dropped.
pub(super) struct ConnectionPlace {
    room: Arc<Room>,
    number: u64,
    pub(super) activity: Arc<Activity>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for ConnectionPlace {
    fn drop(&mut self) {
        self.room.open().remove(&self.number);
        self.activity.buffers.close();
    }
}

#[cfg(test)]
mod tests {
    use super::super::buffers::BufferLimits;
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn while_one_is_asked_to_leave_no_other_is() {
        let room = Room::new(2, BufferBudget::new(BufferLimits { all: 1 << 20, connection: 1 << 20 }));
        let (longest, other) = (room.enter().await, room.enter().await);
        // Both have rested for long enough.
        let rested = Instant::now() + REST * 2;
        let asked = room.longest_at_rest(rested).expect("there is one at rest");
        assert!(Arc::ptr_eq(&asked, &longest.activity));
        asked.ask_to_leave();
        assert!(room.longest_at_rest(rested).is_none(), "its task has not run yet");
        drop(longest);
        let next = room.longest_at_rest(rested).expect("another one may be asked now");
        assert!(Arc::ptr_eq(&next, &other.activity));
    }
}
