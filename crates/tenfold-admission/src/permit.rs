//! Permits of requests that run, and their pauses.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use crate::gate::{GateState, PlaceState, WaitingPlace};
use crate::outcome::{Admitted, ReturnOutcome};

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
    /// For a request that was admitted now, and came at `since`.
    pub(crate) fn new(gate: Arc<GateState>, admitted: Admitted, since: Duration) -> Self {
        let began = gate.now();
        let state = Mutex::new(PermitState { paused_at: None, paused: Duration::ZERO, has_ended: false });
        Permit {
            shared: Arc::new(SharedPermit { gate, admitted, state }),
            began,
            waited: began.saturating_sub(since),
        }
    }

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

    /// The request goes on in room that was taken for it. If it goes on already, or has ended, the room is free again.
    fn goes_on_in_room(&self, now: Duration) {
        let goes_on = {
            let mut state = self.state();
            !state.has_ended && state.goes_on(now)
        };
        if !goes_on {
            self.gate.controller().give_back(self.admitted.room);
            self.gate.settle(now);
        }
    }
}

impl PermitState {
    fn end_pause(&mut self, now: Duration, shared: &SharedPermit) {
        if self.goes_on(now) {
            shared.gate.controller().resume(&shared.admitted);
        }
    }

    /// Notes the end of a pause; whether there was one.
    fn goes_on(&mut self, now: Duration) -> bool {
        let since = self.paused_at.take();
        self.paused += since.map_or(Duration::ZERO, |since| now.saturating_sub(since));
        since.is_some()
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

    /// The request goes on at once, even if that makes one more than the limit. Use it where something else bounds how many go on at
    /// once.
    pub fn resume(&self) {
        let now = self.0.gate.now();
        let mut state = self.0.state();
        if !state.has_ended {
            state.end_pause(now, &self.0);
        }
    }

    /// The client has done its part: the request goes on when there is room. Until then the future is pending. When it is dropped
    /// before, the request is still paused.
    pub fn come_back(&self) -> Returning {
        let now = self.0.gate.now();
        let mut state = self.0.state();
        if state.has_ended || state.paused_at.is_none() {
            return Returning(None);
        }
        let asked = self.0.gate.ask(|controller, waiter| controller.come_back(now, &self.0.admitted, waiter));
        let (ReturnOutcome::Waits(ticket), Some(place)) = asked else {
            state.goes_on(now);
            return Returning(None);
        };
        drop(state);
        self.0.gate.settle(now);
        Returning(Some(WaitingReturn { shared: Arc::clone(&self.0), ticket, place }))
    }
}

impl fmt::Debug for PermitPause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PermitPause").finish_non_exhaustive()
    }
}

/// A paused request that wants to go on.
#[must_use = "it waits only while it is polled"]
pub struct Returning(Option<WaitingReturn>);

struct WaitingReturn {
    shared: Arc<SharedPermit>,
    ticket: u64,
    place: Arc<WaitingPlace>,
}

impl Future for Returning {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(waiting) = self.0.take() else { return Poll::Ready(()) };
        let now = waiting.shared.gate.now();
        let mut place = waiting.place.state();
        match std::mem::replace(&mut *place, PlaceState::Left) {
            PlaceState::Waiting(_) => {
                *place = PlaceState::Waiting(Some(cx.waker().clone()));
                drop(place);
                self.0 = Some(waiting);
                Poll::Pending
            }
            _ => {
                drop(place);
                waiting.shared.goes_on_in_room(now);
                Poll::Ready(())
            }
        }
    }
}

impl Drop for Returning {
    fn drop(&mut self) {
        let Some(waiting) = self.0.take() else { return };
        let gate = &waiting.shared.gate;
        let place = std::mem::replace(&mut *waiting.place.state(), PlaceState::Left);
        gate.controller().leave(waiting.ticket);
        if matches!(place, PlaceState::Returned) {
            gate.controller().give_back(waiting.shared.admitted.room);
        }
        gate.settle(gate.now());
    }
}

impl fmt::Debug for Returning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Returning").finish_non_exhaustive()
    }
}
