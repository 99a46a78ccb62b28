//! Places for connections: `http.max_connections`, who waits for one, and which connection makes room.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use ipnet::IpNet;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::buffers::BufferBudget;
use super::connection::Activity;
use super::proxies::Proxies;
use super::settings::HttpSettings;

/// A connection that has been quiet for less than this keeps its place: its next request may be on the way.
const REST: Duration = Duration::from_secs(1);
/// How often the connections are searched for one that can make room.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How often a connection with a request in progress may be closed for another.
const SHED_EVERY: Duration = Duration::from_millis(200);
/// So many accepted connections wait for a place at most. The rest stay in the kernel's queue, where their addresses are unknown.
const LOBBY: usize = 64;
/// One that has waited for so long is next.
const LONG: Duration = Duration::from_secs(1);
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
        let network = match peer {
            IpAddr::V4(_) => IpNet::from(peer),
            IpAddr::V6(_) => IpNet::new_assert(peer, IPV6_SITE).trunc(),
        };
        (!self.proxies.trusts(peer)).then_some(network)
    }

    /// Asks the connection that has been at rest for longest to leave; whether one is leaving.
    fn ask_one_at_rest(&self, now: Instant) -> bool {
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
    fn shed_one(&self, held: usize) -> bool {
        let open = self.open();
        let Some((largest, most)) = open.largest() else { return false };
        if most * 2 < self.size || held * 2 >= most {
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

/// What a client has done since it was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Knock {
    /// It has gone.
    Gone,
    /// It has sent nothing.
    Silent,
    /// It has sent the beginning of a request.
    Sent,
}

/// A client that waits for a place.
pub(super) trait Knocking {
    /// What it has done.
    fn knock(&self) -> Knock;
}

impl Knocking for TcpStream {
    fn knock(&self) -> Knock {
        match self.peek(&mut [0]).now_or_never() {
            None => Knock::Silent,
            Some(Ok(1..)) => Knock::Sent,
            Some(Ok(0) | Err(_)) => Knock::Gone,
        }
    }
}

struct WaitingClient<S> {
    stream: S,
    peer: IpAddr,
    since: Instant,
}

/// Accepted connections that wait for a place. They wait here, since whose they are decides who is next.
pub(super) struct Lobby<S> {
    room: Arc<Room>,
    waiting: VecDeque<WaitingClient<S>>,
    last_shed: Option<Instant>,
}

impl<S: Knocking> Lobby<S> {
    pub(super) fn new(room: &Arc<Room>) -> Self {
        Lobby { room: Arc::clone(room), waiting: VecDeque::new(), last_shed: None }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() < LOBBY
    }

    /// A connection begins to wait. If all places are taken and it is the last that can wait, one of a network that has at least half of all
    /// places is closed.
    pub(super) fn add(&mut self, stream: S, peer: IpAddr, now: Instant) {
        self.waiting.push_back(WaitingClient { stream, peer, since: now });
        if !self.room.is_full() {
            return;
        }
        self.room.ask_one_at_rest(now);
        if self.has_room() {
            return;
        }
        let held = self.held();
        let most = held.iter().enumerate().max_by_key(|(_, held)| **held);
        if let Some((place, held)) = most
            && held * 2 >= self.room.size
        {
            self.waiting.remove(place);
            self.room.buffers.count_shed();
        }
    }

    /// The one that is next takes this place.
    pub(super) fn next(
        &mut self,
        permit: OwnedSemaphorePermit,
        now: Instant,
    ) -> Option<(S, IpAddr, ConnectionPlace)> {
        let held = self.held();
        let order = |(place, client): (usize, &WaitingClient<S>)| {
            let (held, is_long) = (held[place], now - client.since >= LONG);
            // Whoever has half of all places comes last; of the others one that waits for long, else one whose network has few.
            (held * 2 >= self.room.size, !is_long, if is_long { 0 } else { held }, place)
        };
        let place = self.waiting.iter().enumerate().map(order).min()?.3;
        let client = self.waiting.remove(place)?;
        let place = self.room.enter(client.peer, permit);
        Some((client.stream, client.peer, place))
    }

    /// Looks who still waits, and lets a connection make room.
    pub(super) fn look(&mut self, now: Instant) {
        self.waiting.retain(|client| client.stream.knock() != Knock::Gone);
        if !self.room.is_full() || self.waiting.is_empty() || self.room.ask_one_at_rest(now) {
            return;
        }
        if self.last_shed.is_some_and(|last| now - last < SHED_EVERY) {
            return;
        }
        let held = self.held();
        // For a client that sends nothing no request of another is broken off.
        let has_sent = |(client, _): &(&WaitingClient<S>, &usize)| client.stream.knock() == Knock::Sent;
        let fewest = self.waiting.iter().zip(&held).filter(has_sent).map(|(_, held)| *held).min();
        if fewest.is_some_and(|held| self.room.shed_one(held)) {
            self.last_shed = Some(now);
        }
    }

    /// How many places the network of each has.
    fn held(&self) -> Vec<usize> {
        let open = self.room.open();
        self.waiting.iter().map(|client| open.held_by(self.room.network_of(client.peer))).collect()
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

    impl Knocking for Knock {
        fn knock(&self) -> Knock {
            *self
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn while_one_is_asked_to_leave_no_other_is() {
        let room = room(2, &[]);
        let longest = room.enter(ONE, room.free_place().await);
        let other = room.enter(ONE, room.free_place().await);
        let mut lobby = Lobby::new(&room);
        // Both have rested for long enough.
        let rested = Instant::now() + REST * 2;
        lobby.add(Knock::Sent, ONE, rested);
        lobby.look(rested);
        assert!(longest.activity.is_asked_to_leave());
        assert!(!other.activity.is_asked_to_leave(), "the first one's task has not run yet");
        drop(longest);
        let _entered = lobby.next(room.free_place().await, rested).expect("one waits");
        lobby.add(Knock::Sent, ONE, rested);
        assert!(other.activity.is_asked_to_leave());
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_network_with_half_of_the_places_gives_its_youngest() {
        let room = room(4, &[]);
        let busy = busy(&room, &[ONE, ONE, ONE, OTHER]).await;
        let mut lobby = Lobby::new(&room);
        let now = Instant::now();
        lobby.add(Knock::Sent, ONE, now);
        lobby.add(Knock::Silent, OTHER, now);
        lobby.add(Knock::Gone, OTHER, now);
        lobby.look(now);
        assert_eq!(asked(&busy), [0; 0], "for none of its own, and for nobody who sends nothing or has gone");
        assert_eq!(lobby.waiting.len(), 2);
        lobby.add(Knock::Sent, OTHER, now);
        lobby.look(now);
        assert_eq!(asked(&busy), [2]);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn one_is_closed_in_each_fifth_of_a_second() {
        let room = room(6, &[]);
        let mut busy = busy(&room, &[ONE; 6]).await;
        let mut lobby = Lobby::new(&room);
        let begun = Instant::now();
        for number in 0..4 {
            lobby.add(Knock::Sent, OTHER, begun);
            lobby.look(begun + LOOK_EVERY * number);
            // It goes at once, and another one of its network comes in its place.
            if let [place] = asked(&busy)[..] {
                busy.remove(place);
                let again = room.enter(ONE, room.free_place().await);
                let request = again.activity.request(http::Version::HTTP_11);
                busy.push((again, request));
            }
        }
        assert_eq!(room.buffers.figures().shed, 1);
        lobby.look(begun + SHED_EVERY);
        assert_eq!(room.buffers.figures().shed, 2);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_trusted_proxy_gives_none_and_is_let_in_first() {
        let room = room(3, &["192.0.2.1"]);
        let mut busy = busy(&room, &[ONE, ONE, OTHER]).await;
        let mut lobby = Lobby::new(&room);
        let now = Instant::now();
        lobby.add(Knock::Sent, OTHER, now);
        lobby.add(Knock::Sent, ONE, now);
        lobby.look(now);
        assert_eq!(asked(&busy), [0; 0]);
        busy.remove(0);
        let (_, peer, _place) = lobby.next(room.free_place().await, now).expect("two wait");
        assert_eq!(peer, ONE);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn whoever_waits_for_long_is_next_unless_its_network_has_half_of_the_places() {
        let room = room(5, &[]);
        let third = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 3));
        let mut busy = busy(&room, &[ONE, ONE, ONE, OTHER, OTHER]).await;
        let mut lobby = Lobby::new(&room);
        let begun = Instant::now();
        lobby.add(Knock::Sent, ONE, begun);
        lobby.add(Knock::Sent, OTHER, begun);
        lobby.add(Knock::Sent, third, begun + LONG);
        busy.remove(4);
        let (_, peer, place) = lobby.next(room.free_place().await, begun + LONG).expect("three wait");
        assert_eq!(peer, OTHER, "though its network has a place already");
        drop(place);
        let (_, peer, _place) = lobby.next(room.free_place().await, begun + LONG).expect("two wait");
        assert_eq!(peer, third);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn those_of_one_network_do_not_fill_the_lobby() {
        let room = room(2, &[]);
        let mut busy = busy(&room, &[ONE, ONE]).await;
        let mut lobby = Lobby::new(&room);
        let now = Instant::now();
        for _ in 0..2 * LOBBY {
            lobby.add(Knock::Sent, ONE, now);
            assert!(lobby.has_room());
        }
        lobby.add(Knock::Sent, OTHER, now);
        busy.pop();
        let (_, peer, _place) = lobby.next(room.free_place().await, now).expect("many wait");
        assert_eq!(peer, OTHER);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn while_places_are_free_nobody_who_waits_is_closed() {
        let room = room(2 * LOBBY, &[]);
        let _busy = busy(&room, &[ONE; LOBBY + 1]).await;
        let mut lobby = Lobby::new(&room);
        for _ in 0..LOBBY {
            lobby.add(Knock::Sent, ONE, Instant::now());
        }
        assert_eq!((lobby.waiting.len(), room.buffers.figures().shed), (LOBBY, 0));
    }
}
