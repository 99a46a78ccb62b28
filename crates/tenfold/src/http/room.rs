//! Places for connections: `http.max_connections`, and which connection makes room.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ipnet::IpNet;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::buffers::BufferBudget;
use super::connection::Activity;
use super::proxies::Proxies;

/// A connection that has been quiet for less than this keeps its place: its next request may be on the way.
pub(super) const REST: Duration = Duration::from_secs(1);
/// The network of an IPv6 address, in bits: a provider may give one customer a /48.
const IPV6_SITE: u8 = 48;

/// The open connections.
///
/// With all places taken, the connection that has been quiet for longest makes room. Otherwise connections wait, unless a single network
/// has at least half of the places: it gives one to a newcomer of a network that has less than half as many, up to five a second. Connections
/// of `http.trusted_proxies` are many clients', so they count for no network.
pub(super) struct Room {
    places: Arc<Semaphore>,
    size: usize,
    open: Mutex<OpenConnections>,
    next: AtomicU64,
    buffers: Arc<BufferBudget>,
    proxies: Proxies,
}

#[derive(Default)]
struct OpenConnections {
    by_number: HashMap<u64, OpenConnection>,
    /// How many each network has.
    of_networks: HashMap<IpNet, usize>,
}

struct OpenConnection {
    activity: Arc<Activity>,
    /// None for a trusted proxy.
    network: Option<IpNet>,
}

impl OpenConnections {
    fn largest(&self) -> Option<(IpNet, usize)> {
        self.of_networks.iter().max_by_key(|(_, held)| **held).map(|(network, held)| (*network, *held))
    }
}

impl Room {
    /// With this many places.
    pub(super) fn new(size: usize, proxies: Proxies, buffers: Arc<BufferBudget>) -> Arc<Self> {
        Arc::new(Room {
            places: Arc::new(Semaphore::new(size)),
            size,
            open: Mutex::default(),
            next: AtomicU64::new(0),
            buffers,
            proxies,
        })
    }

    /// A free place, as soon as there is one.
    pub(super) async fn free_place(&self) -> OwnedSemaphorePermit {
        Arc::clone(&self.places).acquire_owned().await.expect("the semaphore is never closed")
    }

    /// The number of connections.
    pub(super) fn taken(&self) -> usize {
        self.size - self.places.available_permits()
    }

    pub(super) fn is_full(&self) -> bool {
        self.places.available_permits() == 0
    }

    /// A connection of this peer takes the place.
    pub(super) fn enter(self: &Arc<Self>, peer: IpAddr, permit: OwnedSemaphorePermit) -> ConnectionPlace {
        let activity = Activity::begin(self.buffers.open());
        let (number, network) = (self.next.fetch_add(1, Ordering::Relaxed), self.network_of(peer));
        let mut open = self.open();
        open.by_number.insert(number, OpenConnection { activity: Arc::clone(&activity), network });
        if let Some(network) = network {
            *open.of_networks.entry(network).or_default() += 1;
        }
        ConnectionPlace { room: Arc::clone(self), number, activity, _permit: permit }
    }

    fn leave(&self, number: u64) {
        let mut open = self.open();
        let network = open.by_number.remove(&number).and_then(|connection| connection.network);
        if let Some(network) = network
            && let Some(held) = open.of_networks.get_mut(&network)
        {
            *held -= 1;
            if *held == 0 {
                open.of_networks.remove(&network);
            }
        }
    }

    fn network_of(&self, peer: IpAddr) -> Option<IpNet> {
        let peer = peer.to_canonical();
        let network = match peer {
            IpAddr::V4(_) => IpNet::from(peer),
            IpAddr::V6(_) => IpNet::new_assert(peer, IPV6_SITE).trunc(),
        };
        (!self.proxies.trusts(peer)).then_some(network)
    }

    /// Asks the connection that has been at rest for longest to leave; whether one is leaving.
    pub(super) fn ask_one_at_rest(&self, now: Instant) -> bool {
        let open = self.open();
        // One that was asked leaves as soon as its task runs, and one free place is enough.
        if open.by_number.values().any(|connection| connection.activity.is_asked_to_leave()) {
            return true;
        }
        let resting = open.by_number.values().filter_map(|connection| {
            let since = connection.activity.at_rest_since()?;
            (now - since >= REST).then_some((since, connection))
        });
        let longest = resting.min_by_key(|(since, _)| *since);
        longest.is_some_and(|(_, longest)| {
            longest.activity.ask_to_leave();
            true
        })
    }

    /// Closes a connection of the largest network for a newcomer whose network has `held` places, if it has to give one.
    pub(super) fn shed_one(&self, held: usize) -> bool {
        let open = self.open();
        let Some((largest, most)) = open.largest() else { return false };
        if !self.is_half(most) || held * 2 >= most {
            return false;
        }
        let of_largest = open.by_number.iter().filter(|(_, connection)| connection.network == Some(largest));
        // The youngest loses the least work.
        let youngest = of_largest.max_by_key(|(number, _)| **number);
        youngest.is_some_and(|(_, youngest)| {
            youngest.activity.close_now();
            self.buffers.count_shed();
            true
        })
    }

    /// Whether this many are at least half of all places.
    pub(super) fn is_half(&self, held: usize) -> bool {
        held * 2 >= self.size
    }

    /// How many places the network of each of these peers has.
    pub(super) fn held_by(&self, peers: impl Iterator<Item = IpAddr>) -> Vec<usize> {
        let open = self.open();
        let held = |network| open.of_networks.get(&network).copied();
        peers.map(|peer| self.network_of(peer).and_then(held).unwrap_or_default()).collect()
    }

    /// Counts a connection that was closed before it got a place.
    pub(super) fn count_shed(&self) {
        self.buffers.count_shed();
    }

    fn open(&self) -> MutexGuard<'_, OpenConnections> {
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
        self.room.leave(self.number);
        self.activity.buffers.close();
    }
}
