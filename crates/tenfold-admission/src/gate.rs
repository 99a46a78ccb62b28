//! Futures over the controller.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::controller::AdmissionController;
use crate::outcome::{Admitted, ArrivalOutcome, Settled};
use crate::permit::Permit;
use crate::random::mix;
use crate::{AdmissionFigures, AdmissionSettings, Candidate};

/// Where requests are admitted; a clone is another handle on the same gate.
#[derive(Clone)]
pub struct AdmissionGate(Arc<GateState>);

/// A handle that does not keep the gate.
pub struct WeakAdmissionGate(Weak<GateState>);

impl WeakAdmissionGate {
    /// The gate, if anybody else still has it.
    pub fn upgrade(&self) -> Option<AdmissionGate> {
        self.0.upgrade().map(AdmissionGate)
    }
}

pub(crate) type GateController = AdmissionController<Arc<WaitingPlace>>;

pub(crate) struct GateState {
    controller: Mutex<GateController>,
    /// The bits of the pressure, which is read without the lock.
    pressure: AtomicU64,
    /// The time since some start.
    clock: Box<dyn Fn() -> Duration + Send + Sync>,
}

/// A request was refused; it may succeed after this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// From one to four seconds. It differs from client to client, so that they do not all come back at once.
    pub retry_after: Duration,
}

/// What stands for a request that waits, in the controller.
pub(crate) struct WaitingPlace(Mutex<PlaceState>);

pub(crate) enum PlaceState {
    Waiting(Option<Waker>),
    Admitted(Admitted),
    /// One that was paused goes on.
    Returned,
    Refused,
    /// The future was dropped, or has given its result.
    Left,
}

impl AdmissionGate {
    /// A gate under which nothing runs. `seed` must not be guessable; `clock` gives the time since some start, and never
    /// runs backwards.
    pub fn new(
        settings: AdmissionSettings,
        seed: u64,
        clock: impl Fn() -> Duration + Send + Sync + 'static,
    ) -> Self {
        let controller = Mutex::new(AdmissionController::new(settings, seed));
        AdmissionGate(Arc::new(GateState { controller, pressure: AtomicU64::new(0), clock: Box::new(clock) }))
    }

    /// A request arrives: the future gives its permit once it may run. When the future is dropped, its place in the
    /// queue is free.
    pub fn enter(&self, candidate: Candidate) -> Entering {
        let now = self.0.now();
        let (arrived, place) = self.0.ask(|controller, waiter| controller.arrive(now, candidate, waiter));
        let state = match (arrived, place) {
            (ArrivalOutcome::Admitted(admitted), _) => EnteringState::Admitted(admitted),
            (ArrivalOutcome::Waits(ticket), Some(place)) => EnteringState::Waits(ticket, place),
            _ => EnteringState::Refused,
        };
        let waits = matches!(state, EnteringState::Waits(..));
        let entering = Entering { gate: Arc::clone(&self.0), state, since: now };
        // Somebody may have had to make room.
        if waits {
            self.0.settle(now);
        }
        entering
    }

    /// To be called several times a second, with the time by which a probe of the scheduler came late.
    pub fn tick(&self, lag: Duration) {
        let now = self.0.now();
        self.0.controller().tick(now, lag);
        self.0.settle(now);
    }

    /// A handle that does not keep the gate.
    pub fn downgrade(&self) -> WeakAdmissionGate {
        WeakAdmissionGate(Arc::downgrade(&self.0))
    }

    /// What it does and has done.
    pub fn figures(&self) -> AdmissionFigures {
        self.0.controller().figures()
    }

    /// How busy it is: 0 is idle, 1 is that requests wait.
    pub fn pressure(&self) -> f64 {
        f64::from_bits(self.0.pressure.load(Ordering::Relaxed))
    }
}

impl fmt::Debug for AdmissionGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdmissionGate").finish_non_exhaustive()
    }
}

impl GateState {
    pub(crate) fn now(&self) -> Duration {
        (self.clock)()
    }

    pub(crate) fn controller(&self) -> MutexGuard<'_, GateController> {
        self.controller.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the controller for room. The second value is where the request waits, if it has to.
    pub(crate) fn ask<T>(
        &self,
        ask: impl FnOnce(&mut GateController, &mut dyn FnMut(u64) -> Arc<WaitingPlace>) -> T,
    ) -> (T, Option<Arc<WaitingPlace>>) {
        let mut place = None;
        let mut controller = self.controller();
        let outcome = ask(&mut controller, &mut |_| Arc::clone(place.insert(WaitingPlace::new())));
        self.note_pressure(&controller);
        (outcome, place)
    }

    fn note_pressure(&self, controller: &GateController) {
        self.pressure.store(controller.pressure().to_bits(), Ordering::Relaxed);
    }

    /// Tells those that waited what has become of them.
    pub(crate) fn settle(&self, now: Duration) {
        loop {
            // A waiter is told while nothing is locked: its waker may do anything.
            let mut controller = self.controller();
            let settled = controller.settle(now);
            self.note_pressure(&controller);
            drop(controller);
            match settled {
                None => return,
                Some(Settled::Refused(place)) => {
                    place.becomes(PlaceState::Refused);
                }
                Some(Settled::Returned(place, room)) => {
                    if place.becomes(PlaceState::Returned).is_some() {
                        self.controller().give_back(room);
                    }
                }
                Some(Settled::Admitted(place, admitted)) => {
                    if let Some(PlaceState::Admitted(admitted)) =
                        place.becomes(PlaceState::Admitted(admitted))
                    {
                        self.controller().finish(now, &admitted, None);
                    }
                }
            }
        }
    }
}

impl WaitingPlace {
    fn new() -> Arc<Self> {
        Arc::new(WaitingPlace(Mutex::new(PlaceState::Waiting(None))))
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, PlaceState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the waiter; gives the state back if the waiter has left.
    fn becomes(&self, next: PlaceState) -> Option<PlaceState> {
        let mut state = self.state();
        if matches!(*state, PlaceState::Left) {
            return Some(next);
        }
        let before = std::mem::replace(&mut *state, next);
        drop(state);
        if let PlaceState::Waiting(Some(waker)) = before {
            waker.wake();
        }
        None
    }
}

/// A request that wants to run.
#[must_use = "it waits only while it is polled"]
pub struct Entering {
    gate: Arc<GateState>,
    state: EnteringState,
    since: Duration,
}

enum EnteringState {
    Admitted(Admitted),
    Waits(u64, Arc<WaitingPlace>),
    Refused,
    Done,
}

impl Entering {
    fn permit(&self, admitted: Admitted) -> Permit {
        Permit::new(Arc::clone(&self.gate), admitted, self.since)
    }

    fn refused(&self, ticket: u64) -> Refusal {
        let now = u64::try_from(self.gate.now().as_nanos()).unwrap_or_default();
        let random = mix(now ^ mix(ticket)) % 3000;
        Refusal { retry_after: Duration::from_millis(1000 + random) }
    }
}

impl Future for Entering {
    type Output = Result<Permit, Refusal>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match std::mem::replace(&mut self.state, EnteringState::Done) {
            EnteringState::Admitted(admitted) => Poll::Ready(Ok(self.permit(admitted))),
            EnteringState::Refused | EnteringState::Done => Poll::Ready(Err(self.refused(0))),
            EnteringState::Waits(ticket, place) => {
                let mut state = place.state();
                match std::mem::replace(&mut *state, PlaceState::Left) {
                    PlaceState::Admitted(admitted) => Poll::Ready(Ok(self.permit(admitted))),
                    PlaceState::Refused | PlaceState::Returned | PlaceState::Left => {
                        Poll::Ready(Err(self.refused(ticket)))
                    }
                    PlaceState::Waiting(_) => {
                        *state = PlaceState::Waiting(Some(cx.waker().clone()));
                        drop(state);
                        self.state = EnteringState::Waits(ticket, place);
                        Poll::Pending
                    }
                }
            }
        }
    }
}

impl Drop for Entering {
    fn drop(&mut self) {
        let admitted = match std::mem::replace(&mut self.state, EnteringState::Done) {
            EnteringState::Done | EnteringState::Refused => return,
            EnteringState::Admitted(admitted) => Some(admitted),
            EnteringState::Waits(ticket, place) => {
                let state = std::mem::replace(&mut *place.state(), PlaceState::Left);
                self.gate.controller().leave(ticket);
                match state {
                    PlaceState::Admitted(admitted) => Some(admitted),
                    _ => None,
                }
            }
        };
        let now = self.gate.now();
        if let Some(admitted) = admitted {
            self.gate.controller().finish(now, &admitted, None);
        }
        self.gate.settle(now);
    }
}
