//! Places for connections: `http.max_connections`, who waits for one, and which connection makes room.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ipnet::IpNet;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::buffers::BufferBudget;
use super::client_address::network_of;
use super::connection::Activity;
use super::proxies::Proxies;
use super::settings::HttpSettings;

/// A connection that has been quiet for less than this keeps its place: its next request may be on the way.
const REST: Duration = Duration::from_secs(1);
/// How often the connections are searched for one that can make room.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(50);
/// So many accepted connections wait for a place at most. The others wait with the system, where nobody knows whose they are.
const LOBBY: usize = 64;

/// The open connections, and those that wait for a place.
///
/// With all places taken, the connection that has been quiet for longest makes room. If none is, those that wait do so, unless a single network
/// has at least half of the places: it gives one to each newcomer of a network that has less than half as many. Connections of
/// `http.trusted_proxies` are many clients', so they count for no network.
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
    fn held_by(&self, network: Option<IpNet>) -> usize {
        network.and_then(|network| self.of_networks.get(&network)).copied().unwrap_or_default()
    }

    fn largest(&self) -> Option<(IpNet, usize)> {
        self.of_networks.iter().max_by_key(|(_, held)| **held).map(|(network, held)| (*network, *held))
    }
}

impl Room {
    pub(super) fn new(settings: &HttpSettings, buffers: Arc<BufferBudget>) -> Arc<Self> {
        let size = settings.max_connections;
        Arc::new(Room {
            places: Arc::new(Semaphore::new(size)),
            size,
            open: Mutex::default(),
            next: AtomicU64::new(0),
            buffers,
            proxies: settings.proxies.clone(),
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

    fn is_full(&self) -> bool {
        self.places.available_permits() == 0
    }

    /// A connection of this peer takes the place.
    fn enter(self: &Arc<Self>, peer: IpAddr, permit: OwnedSemaphorePermit) -> ConnectionPlace {
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
        (!self.proxies.trusts(peer)).then(|| network_of(peer))
    }

    /// Asks one connection to leave for a newcomer whose network has `held` places, if one has to.
    fn make_room(&self, held: usize, now: Instant) {
        let open = self.open();
        // One that was asked leaves as soon as its task runs, and one free place is enough.
        if open.by_number.values().any(|connection| connection.activity.is_asked_to_leave()) {
            return;
        }
        let resting = open.by_number.values().filter_map(|connection| {
            let since = connection.activity.at_rest_since()?;
            (now - since >= REST).then_some((since, connection))
        });
        if let Some((_, longest)) = resting.min_by_key(|(since, _)| *since) {
            longest.activity.ask_to_leave();
            return;
        }
        let Some((largest, most)) = open.largest() else { return };
        if most * 2 < self.size || held * 2 >= most {
            return;
        }
        let of_largest = open.by_number.iter().filter(|(_, connection)| connection.network == Some(largest));
        // Of its youngest the least is lost.
        if let Some((_, youngest)) = of_largest.max_by_key(|(number, _)| **number) {
            youngest.activity.has_to_go();
            self.buffers.sheds();
        }
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

/// Accepted connections that wait for a place. They are waiting here, since whose they are decides who is next.
pub(super) struct Lobby<S> {
    room: Arc<Room>,
    waiting: VecDeque<(S, IpAddr)>,
}

impl<S> Lobby<S> {
    pub(super) fn new(room: &Arc<Room>) -> Self {
        Lobby { room: Arc::clone(room), waiting: VecDeque::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() < LOBBY
    }

    /// A connection begins to wait. If it is the last that can, one of a network that has at least half of all places is closed.
    pub(super) fn add(&mut self, stream: S, peer: IpAddr) {
        self.waiting.push_back((stream, peer));
        self.make_room(Instant::now());
        if self.has_room() {
            return;
        }
        let (newest, held) = {
            let open = self.room.open();
            let held = |peer: IpAddr| open.held_by(self.room.network_of(peer));
            let most = self.waiting.iter().enumerate().max_by_key(|(_, (_, peer))| held(*peer));
            most.map_or((0, 0), |(place, (_, peer))| (place, held(*peer)))
        };
        if held * 2 >= self.room.size {
            self.waiting.remove(newest);
            self.room.buffers.sheds();
        }
    }

    /// The one whose network has the fewest places takes this one.
    pub(super) fn next(&mut self, permit: OwnedSemaphorePermit) -> Option<(S, IpAddr, ConnectionPlace)> {
        let place = self.poorest().map(|(place, _)| place)?;
        let (stream, peer) = self.waiting.remove(place)?;
        let place = self.room.enter(peer, permit);
        Some((stream, peer, place))
    }

    /// Lets a connection make room for the one that is next.
    pub(super) fn make_room(&self, now: Instant) {
        if !self.room.is_full() {
            return;
        }
        if let Some((_, held)) = self.poorest() {
            self.room.make_room(held, now);
        }
    }

    /// The one that is next, and how many places its network has.
    fn poorest(&self) -> Option<(usize, usize)> {
        let open = self.room.open();
        let held = self.waiting.iter().map(|(_, peer)| open.held_by(self.room.network_of(*peer)));
        held.enumerate().min_by_key(|(_, held)| *held)
    }
}

#[cfg(test)]
mod tests {
    use super::super::buffers::BufferLimits;
    use super::super::proxies::ForwardedHeader;
    use super::*;

    const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    fn room(size: usize, proxies: &[&str]) -> Arc<Room> {
        let trusted = proxies.iter().map(|proxy| (*proxy).to_owned().try_into().expect("an address"));
        let trusted: Vec<_> = trusted.collect();
        Arc::new(Room {
            places: Arc::new(Semaphore::new(size)),
            size,
            open: Mutex::default(),
            next: AtomicU64::new(0),
            buffers: BufferBudget::new(BufferLimits { all: 1 << 20, connection: 1 << 20 }),
            proxies: Proxies::new(&trusted, ForwardedHeader::XForwardedFor),
        })
    }

    /// Connections of these peers, each with a request in progress.
    async fn busy(
        room: &Arc<Room>,
        peers: &[IpAddr],
    ) -> Vec<(ConnectionPlace, super::super::answer_body::InProgress)> {
        let mut busy = Vec::new();
        for peer in peers {
            let place = room.enter(*peer, room.free_place().await);
            let request = place.activity.request(http::Version::HTTP_11);
            busy.push((place, request));
        }
        busy
    }

    fn asked<T>(busy: &[(ConnectionPlace, T)]) -> Vec<usize> {
        let asked = |place: &usize| busy[*place].0.activity.is_asked_to_leave();
        (0..busy.len()).filter(asked).collect()
    }

    #[tokio::test(flavor = "current_thread")]
    async fn while_one_is_asked_to_leave_no_other_is() {
        let room = room(2, &[]);
        let longest = room.enter(ONE, room.free_place().await);
        let other = room.enter(ONE, room.free_place().await);
        let mut lobby = Lobby::new(&room);
        lobby.add((), ONE);
        // Both have rested for long enough.
        let rested = Instant::now() + REST * 2;
        lobby.make_room(rested);
        lobby.make_room(rested);
        assert!(longest.activity.is_asked_to_leave());
        assert!(!other.activity.is_asked_to_leave(), "the first one's task has not run yet");
        drop(longest);
        let _entered = lobby.next(room.free_place().await).expect("one waits");
        lobby.add((), ONE);
        lobby.make_room(rested);
        assert!(other.activity.is_asked_to_leave());
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_network_with_half_of_the_places_gives_its_youngest() {
        let room = room(4, &[]);
        let busy = busy(&room, &[ONE, ONE, ONE, OTHER]).await;
        let mut lobby = Lobby::new(&room);
        lobby.add((), ONE);
        assert_eq!(asked(&busy), [0; 0], "nobody leaves for one of its own");
        lobby.add((), OTHER);
        assert_eq!(asked(&busy), [2]);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_trusted_proxy_gives_none_and_is_let_in_first() {
        let room = room(3, &["192.0.2.1"]);
        let mut busy = busy(&room, &[ONE, ONE, OTHER]).await;
        let mut lobby = Lobby::new(&room);
        lobby.add((), OTHER);
        lobby.add((), ONE);
        assert_eq!(asked(&busy), [0; 0]);
        busy.remove(0);
        let (_, peer, _place) = lobby.next(room.free_place().await).expect("two wait");
        assert_eq!(peer, ONE);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn those_of_one_network_do_not_fill_the_lobby() {
        let room = room(2, &[]);
        let mut busy = busy(&room, &[ONE, ONE]).await;
        let mut lobby = Lobby::new(&room);
        for _ in 0..2 * LOBBY {
            lobby.add((), ONE);
            assert!(lobby.has_room());
        }
        lobby.add((), OTHER);
        busy.pop();
        let (_, peer, _place) = lobby.next(room.free_place().await).expect("many wait");
        assert_eq!(peer, OTHER);
    }
}
