//! Futures over the controller, and permits.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::controller::{AdmissionController, Admitted, ArrivalOutcome, Settled};
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

struct GateState {
    controller: Mutex<AdmissionController<Arc<WaitingPlace>>>,
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
struct WaitingPlace(Mutex<PlaceState>);

enum PlaceState {
    Waiting(Option<Waker>),
    Admitted(Admitted),
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
        let mut place = None;
        let mut controller = self.0.controller();
        let arrived = controller.arrive(now, candidate, |_| {
            let waiting = Arc::new(WaitingPlace(Mutex::new(PlaceState::Waiting(None))));
            place = Some(Arc::clone(&waiting));
            waiting
        });
        self.0.note_pressure(&controller);
        drop(controller);
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
    fn now(&self) -> Duration {
        (self.clock)()
    }

    fn controller(&self) -> MutexGuard<'_, AdmissionController<Arc<WaitingPlace>>> {
        self.controller.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_pressure(&self, controller: &AdmissionController<Arc<WaitingPlace>>) {
        self.pressure.store(controller.pressure().to_bits(), Ordering::Relaxed);
    }

    /// Tells those that waited what has become of them.
    fn settle(&self, now: Duration) {
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
    fn state(&self) -> MutexGuard<'_, PlaceState> {
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
        let began = self.gate.now();
        let state = Mutex::new(PermitState { paused_at: None, paused: Duration::ZERO, has_ended: false });
        let shared = Arc::new(SharedPermit { gate: Arc::clone(&self.gate), admitted, state });
        Permit { shared, began, waited: began.saturating_sub(self.since) }
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
                    PlaceState::Refused | PlaceState::Left => Poll::Ready(Err(self.refused(ticket))),
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

/// A request that runs. Its room is free again when this is dropped, whatever the reason.
#[must_use = "the request counts as running only while this lives"]
pub struct Permit {
    shared: Arc<SharedPermit>,
    began: Duration,
    waited: Duration,
}

struct SharedPermit {
    gate: Arc<GateState>,
    admitted: Admitted,
    state: Mutex<PermitState>,
}

struct PermitState {
    paused_at: Option<Duration>,
    /// For how long it was paused so far.
    paused: Duration,
    has_ended: bool,
}

impl Permit {
    /// How long the request waited.
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// How long a request of its kind takes while few run, if that is known.
    pub fn expected(&self) -> Option<Duration> {
        self.shared.admitted.expected()
    }

    /// Whether a request that gives way to it began, and so yielded, just before: one of a greedy flow, or of best effort.
    pub fn others_yielded(&self) -> bool {
        self.shared.admitted.others_yielded()
    }

    /// A handle that pauses the request while it waits for its client.
    pub fn pause_handle(&self) -> PermitPause {
        PermitPause(Arc::clone(&self.shared))
    }

    /// The request has been answered: how long that took counts. Without this, a permit that is dropped says nothing
    /// about it: its client has gone.
    pub fn finish(self) {
        let now = self.shared.gate.now();
        self.end(now, true);
    }

    fn end(&self, now: Duration, is_answered: bool) {
        let paused = {
            let mut state = self.shared.state();
            if std::mem::replace(&mut state.has_ended, true) {
                return;
            }
            state.end_pause(now, &self.shared);
            state.paused
        };
        let took = is_answered.then(|| now.saturating_sub(self.began + paused));
        self.shared.gate.controller().finish(now, &self.shared.admitted, took);
        self.shared.gate.settle(now);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.end(self.shared.gate.now(), false);
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("waited", &self.waited).finish_non_exhaustive()
    }
}

impl SharedPermit {
    fn state(&self) -> MutexGuard<'_, PermitState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PermitState {
    fn end_pause(&mut self, now: Duration, shared: &SharedPermit) {
        if let Some(since) = self.paused_at.take() {
            self.paused += now.saturating_sub(since);
            shared.gate.controller().resume(&shared.admitted);
        }
    }
}

/// Pauses a request: while it waits for its client to send or to read, others can use its room.
#[derive(Clone)]
pub struct PermitPause(Arc<SharedPermit>);

impl PermitPause {
    /// The request waits for its client from now on. Nothing happens if it is paused already, or has ended.
    pub fn pause(&self) {
        let now = self.0.gate.now();
        {
            let mut state = self.0.state();
            if state.has_ended || state.paused_at.is_some() {
                return;
            }
            state.paused_at = Some(now);
            self.0.gate.controller().pause(&self.0.admitted);
        }
        self.0.gate.settle(now);
    }

    /// The client has done its part.
    pub fn resume(&self) {
        let now = self.0.gate.now();
        let mut state = self.0.state();
        if !state.has_ended {
            state.end_pause(now, &self.0);
        }
    }
}

impl fmt::Debug for PermitPause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PermitPause").finish_non_exhaustive()
    }
}
