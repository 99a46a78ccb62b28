//! Accepted connections that wait for a place, and which of them is next.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::room::{ConnectionPlace, Room};

/// How often the connections are searched for one that can make room.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How often a connection with a request in progress may be closed for another.
const SHED_EVERY: Duration = Duration::from_millis(200);
/// So many accepted connections wait for a place at most. The rest stay in the kernel's queue, where their addresses are unknown.
const LOBBY: usize = 64;
/// One that has waited for so long is next.
const LONG: Duration = Duration::from_secs(1);

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
            && self.room.is_half(*held)
        {
            self.waiting.remove(place);
            self.room.count_shed();
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
            // A network with half of all places comes last. Of the others a client that has waited for long is next, else one whose network has few.
            (self.room.is_half(held), !is_long, if is_long { 0 } else { held }, place)
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
        self.room.held_by(self.waiting.iter().map(|client| client.peer))
    }
}

#[cfg(test)]
mod tests {
    use super::super::answer_body::InProgress;
    use super::super::buffers::{BufferBudget, BufferLimits};
    use super::super::proxies::{ForwardedHeader, Proxies};
    use super::super::room::REST;
    use super::*;

    const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    fn room(size: usize, proxies: &[&str]) -> (Arc<Room>, Arc<BufferBudget>) {
        let trusted = proxies.iter().map(|proxy| (*proxy).to_owned().try_into().expect("an address"));
        let trusted: Vec<_> = trusted.collect();
        let proxies = Proxies::new(&trusted, ForwardedHeader::XForwardedFor);
        let buffers = BufferBudget::new(BufferLimits { all: 1 << 20, connection: 1 << 20 });
        (Room::new(size, proxies, Arc::clone(&buffers)), buffers)
    }

    /// Connections of these peers, each with a request in progress.
    async fn busy(room: &Arc<Room>, peers: &[IpAddr]) -> Vec<(ConnectionPlace, InProgress)> {
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
        let (room, _) = room(2, &[]);
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
        let (room, _) = room(4, &[]);
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
        let (room, buffers) = room(6, &[]);
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
        assert_eq!(buffers.figures().shed, 1);
        lobby.look(begun + SHED_EVERY);
        assert_eq!(buffers.figures().shed, 2);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_trusted_proxy_gives_none_and_is_let_in_first() {
        let (room, _) = room(3, &["192.0.2.1"]);
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
        let (room, _) = room(5, &[]);
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
        let (room, _) = room(2, &[]);
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
        let (room, buffers) = room(2 * LOBBY, &[]);
        let _busy = busy(&room, &[ONE; LOBBY + 1]).await;
        let mut lobby = Lobby::new(&room);
        for _ in 0..LOBBY {
            lobby.add(Knock::Sent, ONE, Instant::now());
        }
        assert_eq!((lobby.waiting.len(), buffers.figures().shed), (LOBBY, 0));
    }
}
