//! The requests that wait: lanes that take turns, bounded in number and time.

use std::collections::VecDeque;
use std::time::Duration;

use crate::hands::{HAND, LANES};
use crate::{Candidate, Flow};

/// A request that waits; `waiter` is told what becomes of it.
pub(crate) struct Waiting<W> {
    pub(crate) ticket: u64,
    pub(crate) candidate: Candidate,
    pub(crate) since: Duration,
    /// It ran already, and waits for room to go on.
    pub(crate) returns: bool,
    pub(crate) waiter: W,
}

/// How long requests may wait.
#[derive(Clone, Copy)]
pub(crate) struct BoundedWait {
    /// Under overload.
    pub(crate) under_overload: Duration,
    /// If somebody waits for longer than this during all of `max_wait`, that is overload.
    pub(crate) overload_wait: Duration,
    /// Otherwise.
    pub(crate) max_wait: Duration,
}

/// The requests of a few flows, in the order of their arrival.
struct WaitingLane<W> {
    /// Those that ran already. They go before the lane's others, and wait for as long as it takes: what they have done would be lost.
    returning: VecDeque<Waiting<W>>,
    waiting: VecDeque<Waiting<W>>,
    /// When it is the lane's turn, in virtual time: it passes by one with each request that the lane gives.
    turn: u64,
}

impl<W> WaitingLane<W> {
    fn is_empty(&self) -> bool {
        self.returning.is_empty() && self.waiting.is_empty()
    }

    /// Since when its next one waits.
    fn since(&self) -> Option<Duration> {
        Some(self.returning.front().or(self.waiting.front())?.since)
    }

    fn pop(&mut self, newest_first: bool) -> Option<Waiting<W>> {
        let returning = self.returning.pop_front();
        returning.or_else(|| if newest_first { self.waiting.pop_back() } else { self.waiting.pop_front() })
    }
}

/// How many turns a lane can save while it asks for less than its share.
///
/// Without savings a flow whose two requests come at once would wait for the second until all lanes have had a turn,
/// which is longer than requests may wait, however little it asks for in all.
const SAVINGS: u64 = 32;

/// Lanes with start-time fair queueing (Goyal, Vin and Cheng, 1996), and savings: a lane that asks for less than its
/// share goes before lanes that ask for more.
///
/// Under overload a lane gives its newest request first: the oldest have mostly waited for too long already, and to serve
/// them is to serve all of them late.
pub(crate) struct FairQueue<W> {
    lanes: Vec<WaitingLane<W>>,
    virtual_time: u64,
    len: usize,
    returning: usize,
    /// When nobody had waited for longer than `overload_wait`.
    last_calm: Duration,
    /// When a request was last refused because it had waited for too long.
    last_expired: Option<Duration>,
    is_overloaded: bool,
}

impl<W> FairQueue<W> {
    pub(crate) fn new() -> Self {
        let lane = || WaitingLane { returning: VecDeque::new(), waiting: VecDeque::new(), turn: 0 };
        FairQueue {
            lanes: std::iter::repeat_with(lane).take(LANES).collect(),
            virtual_time: 0,
            len: 0,
            returning: 0,
            last_calm: Duration::ZERO,
            last_expired: None,
            is_overloaded: false,
        }
    }

    /// How many wait for their beginning.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// How many wait for room to go on.
    pub(crate) fn returning(&self) -> usize {
        self.returning
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len + self.returning == 0
    }

    pub(crate) fn is_overloaded(&self) -> bool {
        self.is_overloaded
    }

    /// Adds a request to the shortest lane of its flow's hand.
    pub(crate) fn push(&mut self, hand: [usize; HAND], waiting: Waiting<W>) {
        if self.len == 0 && !waiting.returns {
            self.last_calm = self.last_calm.max(waiting.since);
        }
        let length = |lane: &WaitingLane<W>| lane.returning.len() + lane.waiting.len();
        let shortest = hand.into_iter().min_by_key(|lane| length(&self.lanes[*lane]));
        let lane = &mut self.lanes[shortest.unwrap_or_default()];
        if lane.is_empty() {
            lane.turn = lane.turn.max(self.virtual_time.saturating_sub(SAVINGS));
        }
        if waiting.returns {
            lane.returning.push_back(waiting);
            self.returning += 1;
        } else {
            lane.waiting.push_back(waiting);
            self.len += 1;
        }
    }

    /// The next request: of the lane whose turn it is.
    pub(crate) fn pop(&mut self) -> Option<Waiting<W>> {
        if self.is_empty() {
            return None;
        }
        let turns = self.lanes.iter_mut().filter_map(|lane| Some((lane.turn, lane.since()?, lane)));
        let (_, _, lane) = turns.min_by_key(|(turn, since, _)| (*turn, *since))?;
        self.virtual_time = self.virtual_time.max(lane.turn);
        lane.turn += 1;
        let next = lane.pop(self.is_overloaded)?;
        *self.counter(next.returns) -= 1;
        Some(next)
    }

    fn counter(&mut self, returns: bool) -> &mut usize {
        if returns { &mut self.returning } else { &mut self.len }
    }

    /// Takes out a request that has waited for too long.
    pub(crate) fn pop_expired(&mut self, now: Duration, bounds: BoundedWait) -> Option<Waiting<W>> {
        self.notice_overload(now, bounds);
        if self.len == 0 {
            return None;
        }
        let patience = if self.is_overloaded { bounds.under_overload } else { bounds.max_wait };
        let is_expired = |waiting: &Waiting<W>| now.saturating_sub(waiting.since) > patience;
        let lane = self.lanes.iter_mut().find(|lane| lane.waiting.front().is_some_and(is_expired))?;
        self.len -= 1;
        self.last_expired = Some(now);
        lane.waiting.pop_front()
    }

    /// Takes out the oldest request of this flow.
    pub(crate) fn pop_of_flow(&mut self, hand: [usize; HAND], flow: Flow) -> Option<Waiting<W>> {
        let is_own = |waiting: &Waiting<W>| waiting.candidate.flow == flow;
        let places = hand.into_iter().filter_map(|lane| {
            let place = self.lanes[lane].waiting.iter().position(is_own)?;
            Some((self.lanes[lane].waiting[place].since, lane, place))
        });
        let (_, lane, place) = places.min()?;
        self.len -= 1;
        self.lanes[lane].waiting.remove(place)
    }

    /// Takes out the oldest request of the longest lane: the one to go when the queue is full.
    pub(crate) fn pop_of_longest(&mut self) -> Option<Waiting<W>> {
        let oldest = self.lanes.iter_mut().max_by_key(|lane| lane.waiting.len())?.waiting.pop_front()?;
        self.len -= 1;
        Some(oldest)
    }

    /// Takes out a request whose client has gone; whether it was there.
    pub(crate) fn remove(&mut self, ticket: u64) -> bool {
        let removed = self.lanes.iter_mut().find_map(|lane| {
            [&mut lane.waiting, &mut lane.returning].into_iter().find_map(|waiting| {
                let place = waiting.iter().position(|waiting| waiting.ticket == ticket)?;
                waiting.remove(place)
            })
        });
        if let Some(removed) = &removed {
            *self.counter(removed.returns) -= 1;
        }
        removed.is_some()
    }

    /// Overload begins when somebody has been waiting for longer than `overload_wait` at every moment of a `max_wait`, and
    /// ends when nobody has waited for too long for as long.
    fn notice_overload(&mut self, now: Duration, bounds: BoundedWait) {
        let long_ago = |at: Duration| now.saturating_sub(at) > bounds.max_wait;
        let fronts = self.lanes.iter().filter_map(|lane| Some(lane.waiting.front()?.since));
        let oldest = if self.len == 0 { None } else { fronts.min() };
        if oldest.is_none_or(|since| now.saturating_sub(since) <= bounds.overload_wait) {
            self.last_calm = now;
            if self.last_expired.is_none_or(long_ago) {
                self.is_overloaded = false;
            }
        } else if long_ago(self.last_calm) {
            self.is_overloaded = true;
        }
    }
}
