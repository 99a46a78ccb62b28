//! Admission: which requests run now, which wait a moment, and which are refused.
//!
//! A server that takes every request serves none of them in time once more come than it can serve. This crate bounds
//! what runs at once, and keeps what waits short, so that what is admitted is fast and what is refused is told so at
//! once.
//!
//! - `limit.rs`: how many requests run at once. The limit adapts: it shrinks when requests take longer than they do
//!   while few run, and grows while they do not (after Netflix's Gradient2 and TCP Vegas).
//! - `queue.rs`: the requests that wait. A wait is bounded (CoDel, in the form of Maurer, "Fail at Scale", ACM Queue
//!   2015), and under overload the newest goes first.
//! - `demand.rs`: which flows ask for far more than the others; they leave room.
//! - `spare.rs`: how many of those may run, and of best effort: as many as leave no thread idle.
//! - `hands.rs`: shuffle sharding, which keeps a flow of many requests from the others (Kubernetes API Priority and
//!   Fairness, KEP-1040).
//! - `controller.rs`: the decisions. It is a state machine without a clock: each call is told the time, as a
//!   [`Duration`] since some start.
//! - `outcome.rs`: what it decides.
//! - `gate.rs`: futures over the controller. It knows no runtime.
//! - `permit.rs`: permits, which are given back when they are dropped, and their pauses.
//!
//! It depends on nothing.

mod controller;
mod demand;
mod gate;
mod hands;
mod limit;
mod outcome;
mod permit;
mod queue;
mod random;
mod spare;

pub use self::controller::AdmissionController;
pub use self::gate::{AdmissionGate, Entering, Refusal, WeakAdmissionGate};
pub use self::limit::LimitSettings;
pub use self::outcome::{Admitted, ArrivalOutcome, ReturnOutcome, Settled, TakenRoom};
pub use self::permit::{Permit, PermitPause, Returning};

use std::time::Duration;

/// Whose request it is, as a hash: of an organization, or of a client's address. Flows share the server fairly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flow(pub u64);

/// How much a request matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestClass {
    /// It never waits behind others: health checks, signing out, the operator's console. It must be cheap.
    Critical,
    /// Everything else.
    Normal,
    /// It is refused first: exports, and calls that nobody waits for.
    BestEffort,
}

impl RequestClass {
    /// All classes, in the order of their figures.
    pub const ALL: [RequestClass; 3] =
        [RequestClass::Critical, RequestClass::Normal, RequestClass::BestEffort];

    /// Its name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            RequestClass::Critical => "critical",
            RequestClass::Normal => "normal",
            RequestClass::BestEffort => "best_effort",
        }
    }

    pub(crate) fn index(self) -> usize {
        match self {
            RequestClass::Critical => 0,
            RequestClass::Normal => 1,
            RequestClass::BestEffort => 2,
        }
    }
}

/// A request that asks to be admitted.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    /// How much it matters.
    pub class: RequestClass,
    /// Whose it is.
    pub flow: Flow,
    /// What kind of work it is, such as the number of its route: requests of one kind are expected to take equally
    /// long. Kinds above 1,023 count as one.
    pub kind: usize,
}

/// The bounds of an [`AdmissionController`].
#[derive(Clone, Copy, Debug)]
pub struct AdmissionSettings {
    /// How many requests run at once.
    pub limit: LimitSettings,
    /// How many requests of greedy flows, and of best effort, run however busy the threads are: one for each thread, so that none is
    /// idle while such requests wait.
    pub spare_floor: usize,
    /// How many requests may wait, of all flows and classes together.
    pub max_waiting: usize,
    /// How long a request waits at most under overload. It is longer while the work itself takes longer, and never
    /// longer than `max_wait`.
    pub overload_wait: Duration,
    /// How long a request waits at most while the queue is a passing burst. If requests wait for longer than
    /// `overload_wait` during all of this time, that is overload.
    pub max_wait: Duration,
}

/// What an [`AdmissionController`] does and has done.
#[derive(Clone, Copy, Debug, Default)]
pub struct AdmissionFigures {
    /// Requests that run now.
    pub in_flight: usize,
    /// How many may run at once now.
    pub limit: usize,
    /// Requests that wait now.
    pub waiting: usize,
    /// Requests that were admitted so far, by class in the order of [`RequestClass::ALL`].
    pub admitted: [u64; 3],
    /// Requests that were refused so far, by class.
    pub refused: [u64; 3],
    /// Whether requests have been waiting for too long during `max_wait`.
    pub is_overloaded: bool,
    /// By how much the last probe of the scheduler came late.
    pub scheduler_lag: Duration,
}
