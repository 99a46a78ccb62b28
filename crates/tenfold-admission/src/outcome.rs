//! What the controller decides of a request.

use std::time::Duration;

use crate::Candidate;

/// The room that a request takes while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TakenRoom(
    /// Nothing for a critical one.
    pub(crate) Option<Rank>,
);

/// A request that runs; [`finish`](crate::AdmissionController::finish) ends it.
#[derive(Debug)]
pub struct Admitted {
    pub(crate) candidate: Candidate,
    pub(crate) room: TakenRoom,
    /// How many ran when it began, itself included.
    pub(crate) in_flight: usize,
    pub(crate) expected: Option<Duration>,
    pub(crate) others_yielded: bool,
}

impl Admitted {
    /// How long a request of its kind takes while few run, if that is known.
    pub fn expected(&self) -> Option<Duration> {
        self.expected
    }

    /// Whether a request that gives way to it began, and so yielded, just before: one of a greedy flow, or of best effort.
    pub fn others_yielded(&self) -> bool {
        self.others_yielded
    }
}

/// What becomes of a request that arrives.
#[derive(Debug)]
pub enum ArrivalOutcome {
    /// It runs.
    Admitted(Admitted),
    /// It waits; [`settle`](crate::AdmissionController::settle) says what becomes of it.
    Waits(u64),
    /// It is refused.
    Refused,
}

/// What becomes of a request that was paused and wants to go on.
#[derive(Clone, Copy, Debug)]
pub enum ReturnOutcome {
    /// It goes on.
    Runs,
    /// It waits; [`settle`](crate::AdmissionController::settle) says when it goes on.
    Waits(u64),
}

/// What has become of a request that waited.
#[derive(Debug)]
pub enum Settled<W> {
    /// It runs.
    Admitted(W, Admitted),
    /// It goes on, and takes this room again.
    Returned(W, TakenRoom),
    /// It is refused.
    Refused(W),
}

/// Which queue a request waits in; the first goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    Modest,
    /// Of a flow that asks for far more than the others.
    Greedy,
    BestEffort,
}

impl Rank {
    /// Whether all requests of the first rank go before it.
    pub(crate) fn gives_way(self) -> bool {
        self != Rank::Modest
    }
}

pub(crate) const RANKS: [Rank; 3] = [Rank::Modest, Rank::Greedy, Rank::BestEffort];
