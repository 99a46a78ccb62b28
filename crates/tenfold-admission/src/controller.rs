//! The decisions: a state machine that is told the time.

use std::time::Duration;

use crate::demand::Demand;
use crate::hands::hand;
use crate::limit::AdaptiveLimit;
use crate::outcome::{Admitted, ArrivalOutcome, RANKS, Rank, ReturnOutcome, Settled, TakenRoom};
use crate::queue::{BoundedWait, FairQueue, Waiting};
use crate::spare::SpareRoom;
use crate::{AdmissionFigures, AdmissionSettings, Candidate, Flow, RequestClass};

/// After so many requests that went before, one of a greedy flow, or of best effort, goes first.
const PASSED_OVER: u32 = 64;

/// A request that gives way yields when it begins. Until so long after that it is known what has arrived.
const NOTICED_FOR: Duration = Duration::from_millis(5);

/// Decides. `W` is what stands for a request that waits.
///
/// After each [`arrive`](Self::arrive), [`finish`](Self::finish), [`pause`](Self::pause), [`come_back`](Self::come_back), [`leave`](Self::leave) and
/// [`tick`](Self::tick), call [`settle`](Self::settle) until it gives nothing.
pub struct AdmissionController<W> {
    settings: AdmissionSettings,
    seed: u64,
    limit: AdaptiveLimit,
    spare: SpareRoom,
    demand: Demand,
    /// By rank.
    queues: [FairQueue<W>; 3],
    /// Waiters that had to make room for others.
    evicted: Vec<W>,
    /// Normal and best-effort requests that run.
    in_flight: usize,
    critical: usize,
    /// Requests of later ranks that run.
    giving_way: usize,
    /// When one of them began last.
    gave_way: Option<Duration>,
    next_ticket: u64,
    /// How many were admitted while others of a later rank waited.
    passed_over: u32,
    admitted: [u64; 3],
    refused: [u64; 3],
    lag: Duration,
}

impl<W> AdmissionController<W> {
    /// A controller under which nothing runs. `seed` decides which flows share lanes; it must not be guessable.
    pub fn new(settings: AdmissionSettings, seed: u64) -> Self {
        AdmissionController {
            limit: AdaptiveLimit::new(settings.limit),
            spare: SpareRoom::new(settings.spare_floor),
            settings,
            seed,
            demand: Demand::default(),
            queues: [FairQueue::new(), FairQueue::new(), FairQueue::new()],
            evicted: Vec::new(),
            in_flight: 0,
            critical: 0,
            giving_way: 0,
            gave_way: None,
            next_ticket: 0,
            passed_over: 0,
            admitted: [0; 3],
            refused: [0; 3],
            lag: Duration::ZERO,
        }
    }

    /// A request arrives. `waiter` makes what stands for it while it waits, from its ticket.
    pub fn arrive(
        &mut self,
        now: Duration,
        candidate: Candidate,
        waiter: impl FnOnce(u64) -> W,
    ) -> ArrivalOutcome {
        let is_greedy = self.demand.sends(now, candidate.flow);
        let rank = match candidate.class {
            RequestClass::Critical => return self.arrive_critical(candidate),
            RequestClass::BestEffort => Rank::BestEffort,
            RequestClass::Normal if is_greedy => Rank::Greedy,
            RequestClass::Normal => Rank::Modest,
        };
        if self.runs_at_once(rank) {
            return ArrivalOutcome::Admitted(self.begin(now, candidate, rank));
        }
        if self.beginners() >= self.settings.max_waiting && !self.make_room(rank, candidate.flow) {
            self.refused[candidate.class.index()] += 1;
            return ArrivalOutcome::Refused;
        }
        ArrivalOutcome::Waits(self.wait(now, candidate, rank, false, waiter))
    }

    /// Whether a request of this rank need not wait.
    fn runs_at_once(&mut self, rank: Rank) -> bool {
        let goes_first = self.queues[..=rank as usize].iter().all(FairQueue::is_empty);
        let runs = goes_first && self.has_room(rank);
        if runs && self.waiting() > 0 {
            self.passed_over += 1;
        }
        // One that waits for those that give way as well shows nothing about the limit.
        if !runs && self.is_at_limit(rank) {
            self.limit.waits();
        }
        runs
    }

    /// Lets a request wait; gives its ticket.
    fn wait(
        &mut self,
        now: Duration,
        candidate: Candidate,
        rank: Rank,
        returns: bool,
        waiter: impl FnOnce(u64) -> W,
    ) -> u64 {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let waiting = Waiting { ticket, candidate, since: now, returns, waiter: waiter(ticket) };
        self.queues[rank as usize].push(hand(self.seed, candidate.flow), waiting);
        ticket
    }

    /// A critical request runs at once. Its number is bounded as well, by the limit's ceiling.
    fn arrive_critical(&mut self, candidate: Candidate) -> ArrivalOutcome {
        if self.critical >= self.settings.limit.ceiling {
            self.refused[RequestClass::Critical.index()] += 1;
            return ArrivalOutcome::Refused;
        }
        self.critical += 1;
        self.admitted[RequestClass::Critical.index()] += 1;
        ArrivalOutcome::Admitted(Admitted {
            candidate,
            room: TakenRoom(None),
            in_flight: self.in_flight,
            expected: None,
            others_yielded: false,
        })
    }

    /// A request has ended after this time, or was given up (`None`), which says nothing about how long it takes.
    pub fn finish(&mut self, now: Duration, admitted: &Admitted, took: Option<Duration>) {
        if let Some(took) = took.filter(|_| admitted.candidate.class != RequestClass::Critical) {
            let most = admitted.in_flight.max(self.in_flight);
            self.limit.ends(now, admitted.candidate.kind, took, most);
        }
        self.pause(admitted);
    }

    /// A request waits for its client, and takes no room meanwhile.
    pub fn pause(&mut self, admitted: &Admitted) {
        self.give_back(admitted.room);
    }

    /// A paused request goes on at once, even if that makes one more than the limit. Use it where something else bounds how many
    /// go on at once.
    pub fn resume(&mut self, admitted: &Admitted) {
        self.take(admitted.room);
    }

    /// A paused request wants to go on, and waits for room like those that have not begun: in the turn of its lane, but before the
    /// lane's others, and for as long as it takes. `waiter` makes what stands for it while it waits, from its ticket.
    ///
    /// Without that, clients can hold back the last bytes of a thousand bodies, and then let them all run at the same moment.
    pub fn come_back(
        &mut self,
        now: Duration,
        admitted: &Admitted,
        waiter: impl FnOnce(u64) -> W,
    ) -> ReturnOutcome {
        match admitted.room.0 {
            Some(rank) if !self.runs_at_once(rank) => {
                ReturnOutcome::Waits(self.wait(now, admitted.candidate, rank, true, waiter))
            }
            _ => {
                self.take(admitted.room);
                ReturnOutcome::Runs
            }
        }
    }

    fn take(&mut self, room: TakenRoom) {
        match room.0 {
            None => self.critical += 1,
            Some(rank) => {
                self.in_flight += 1;
                self.giving_way += usize::from(rank.gives_way());
            }
        }
    }

    /// Room that was taken is free again.
    pub fn give_back(&mut self, room: TakenRoom) {
        match room.0 {
            None => self.critical -= 1,
            Some(rank) => {
                self.in_flight -= 1;
                self.giving_way -= usize::from(rank.gives_way());
            }
        }
    }

    /// The client of a waiting request has gone; whether it was still waiting.
    pub fn leave(&mut self, ticket: u64) -> bool {
        self.queues.iter_mut().any(|queue| queue.remove(ticket))
    }

    /// To be called several times a second, with the time by which a probe of the scheduler came late: so that
    /// requests do not wait for ever when nothing ends.
    pub fn tick(&mut self, now: Duration, lag: Duration) {
        self.lag = lag;
        self.limit.lags(lag);
        self.spare.lags(lag, self.limit.current());
        self.limit.judge(now);
    }

    /// What has become of the requests that waited, one at a time.
    pub fn settle(&mut self, now: Duration) -> Option<Settled<W>> {
        if let Some(waiter) = self.evicted.pop() {
            return Some(Settled::Refused(waiter));
        }
        let bounds = self.bounds();
        for queue in &mut self.queues {
            if let Some(expired) = queue.pop_expired(now, bounds) {
                self.refused[expired.candidate.class.index()] += 1;
                return Some(Settled::Refused(expired.waiter));
            }
        }
        let (rank, next) = self.next()?;
        if next.returns {
            let room = TakenRoom(Some(rank));
            self.take(room);
            return Some(Settled::Returned(next.waiter, room));
        }
        let admitted = self.begin(now, next.candidate, rank);
        Some(Settled::Admitted(next.waiter, admitted))
    }

    /// What it does and has done.
    pub fn figures(&self) -> AdmissionFigures {
        AdmissionFigures {
            in_flight: self.in_flight + self.critical,
            limit: self.limit.current(),
            waiting: self.waiting(),
            admitted: self.admitted,
            refused: self.refused,
            is_overloaded: self.is_overloaded(),
            scheduler_lag: self.lag,
        }
    }

    /// How busy it is: 0 is idle, 1 is that requests wait.
    pub fn pressure(&self) -> f64 {
        if self.waiting() > 0 || self.is_overloaded() {
            return 1.0;
        }
        (self.in_flight as f64 / self.limit.current().max(1) as f64).min(1.0)
    }

    /// How many wait for their beginning.
    fn beginners(&self) -> usize {
        self.queues.iter().map(FairQueue::len).sum()
    }

    fn waiting(&self) -> usize {
        self.beginners() + self.queues.iter().map(FairQueue::returning).sum::<usize>()
    }

    fn is_overloaded(&self) -> bool {
        self.queues.iter().any(FairQueue::is_overloaded)
    }

    /// Whether as many run as the limit allows before one of this rank. Greedy and best-effort requests start only while less than a
    /// quarter of it is in use, or while a thread has nothing to do.
    fn is_at_limit(&self, rank: Rank) -> bool {
        let limit = self.limit.current();
        let most = if rank == Rank::Modest { limit } else { limit.div_ceil(4).max(self.spare.fewest()) };
        self.in_flight >= most.min(limit)
    }

    fn has_room(&self, rank: Rank) -> bool {
        !self.is_at_limit(rank) && (rank == Rank::Modest || self.giving_way < self.spare.current())
    }

    /// A wait under overload may be as long as the work itself, so that a place that becomes free finds somebody.
    fn bounds(&self) -> BoundedWait {
        let AdmissionSettings { overload_wait, max_wait, .. } = self.settings;
        BoundedWait {
            under_overload: self.limit.mean().max(overload_wait).min(max_wait),
            overload_wait,
            max_wait,
        }
    }

    fn next(&mut self) -> Option<(Rank, Waiting<W>)> {
        if self.passed_over >= PASSED_OVER && !self.is_at_limit(Rank::Modest) {
            self.passed_over = 0;
            for rank in [Rank::Greedy, Rank::BestEffort] {
                if let Some(next) = self.queues[rank as usize].pop() {
                    return Some((rank, next));
                }
            }
        }
        for rank in RANKS {
            if self.has_room(rank)
                && let Some(next) = self.queues[rank as usize].pop()
            {
                let is_passed = self.queues[rank as usize + 1..].iter().any(|queue| !queue.is_empty());
                self.passed_over = if is_passed { self.passed_over + 1 } else { 0 };
                return Some((rank, next));
            }
        }
        None
    }

    /// Makes room in a full queue for a request of this rank; whether it could. Later ranks go first, then the oldest
    /// request of the same flow, then the oldest of the longest lane.
    fn make_room(&mut self, rank: Rank, flow: Flow) -> bool {
        let hand = hand(self.seed, flow);
        let (sooner, later) = self.queues.split_at_mut(rank as usize + 1);
        let own = &mut sooner[rank as usize];
        let evicted = later.iter_mut().rev().find_map(FairQueue::pop_of_longest);
        let evicted = evicted.or_else(|| own.pop_of_flow(hand, flow)).or_else(|| own.pop_of_longest());
        let Some(evicted) = evicted else { return false };
        self.refused[evicted.candidate.class.index()] += 1;
        self.evicted.push(evicted.waiter);
        true
    }

    fn begin(&mut self, now: Duration, candidate: Candidate, rank: Rank) -> Admitted {
        let gives_way = rank.gives_way();
        if gives_way {
            self.gave_way = Some(now);
        }
        let others_yielded =
            !gives_way && self.gave_way.is_some_and(|at| now.saturating_sub(at) < NOTICED_FOR);
        let room = TakenRoom(Some(rank));
        self.take(room);
        self.limit.begins(self.in_flight);
        self.admitted[candidate.class.index()] += 1;
        let expected = self.limit.expected(candidate.kind);
        Admitted { candidate, room, in_flight: self.in_flight, expected, others_yielded }
    }
}
