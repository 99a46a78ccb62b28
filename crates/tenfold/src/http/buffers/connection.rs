//! What is held for the client of one connection.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

use super::budget::BufferBudget;
use super::held::{BufferKind, HeldState};

/// A connection that holds less than this may use all of the budget, others three quarters of it: sign-ins and other small
/// requests are served beside large ones.
const SMALL: usize = 64 << 10;
/// What a request takes while its body is not complete, besides the body: its handler, and the connection's buffer.
const UNFINISHED: usize = 8 << 10;
/// How much of a body the protocol reads before its handler asks for it: the window of a stream of HTTP/2, twice the
/// buffer of HTTP/1.
pub(in super::super) const READ_AHEAD: usize = 64 << 10;
/// A head of half as many bytes is heard even if no more bytes may be held: its request is answered or refused.
const LARGE_HEAD: usize = 16 << 10;
/// Heads count up to this: no head is longer, but a client of HTTP/2 can send frames that begin no request.
const MOST_OF_HEADS: usize = 2 * READ_AHEAD;
/// What a piece of a body costs besides its bytes, so that a body in single bytes is not for free.
const PIECE: usize = 128;
/// The same for an answer.
const ANSWER: usize = 1 << 10;
/// A buffer grows by doubling, so that half of it may be empty.
const GROWTH: usize = 2;
/// How long the handlers whose bodies were given up have to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// Why no more bytes are held for a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in super::super) enum BufferRefusal {
    /// The process holds as many as it may.
    #[error("the service holds as many bytes for its clients as it may (http.buffer_limit)")]
    All,
    /// The connection does.
    #[error("this connection holds {0} bytes at once, the most that one may (http.connection_buffer_limit)")]
    Connection(usize),
    /// Others need the room.
    #[error("it did not go on while other clients needed the memory that it holds (http.buffer_limit)")]
    Stalled,
}

/// What one connection holds.
pub(in super::super) struct ConnectionBuffers {
    budget: Arc<BufferBudget>,
    number: u64,
    state: Mutex<HeldState>,
    /// Wakes the handlers that wait for bodies when the connection is cut.
    bodies: Arc<Notify>,
    /// Wakes the connection itself.
    connection: Notify,
}

impl ConnectionBuffers {
    pub(super) fn new(budget: Arc<BufferBudget>, number: u64) -> Self {
        let (bodies, connection) = (Arc::default(), Notify::new());
        ConnectionBuffers { budget, number, state: Mutex::default(), bodies, connection }
    }

    /// The connection has ended: its head will never be complete, and nobody can cut it any more.
    pub(in super::super) fn close(&self) {
        self.end_head();
        self.budget.close(self.number);
    }

    /// Bytes of a head have come, or what may be one.
    pub(in super::super) fn receive_head(&self, bytes: usize) {
        let head = self.add_head(bytes * GROWTH);
        // There is no request to answer yet, so the connection ends.
        if head > LARGE_HEAD && !self.budget.has_room(0, self.budget.limits().all) {
            self.budget.refuses();
            self.cut();
        }
    }

    /// A head is complete.
    pub(in super::super) fn end_head(&self) {
        let now = self.budget.now();
        let mut state = self.state();
        let head = state.of(BufferKind::Head);
        state.remove(now, BufferKind::Head, head);
        self.gave_back(&state, head);
    }

    /// The socket has taken bytes.
    pub(in super::super) fn write(&self, bytes: usize) {
        self.state().write(bytes);
    }

    /// Whether the service may begin a request of this connection.
    ///
    /// # Errors
    /// It is to be refused.
    pub(in super::super) fn admit(&self) -> Result<(), BufferRefusal> {
        let limits = self.budget.limits();
        let refusal = if self.state().held() > limits.connection {
            BufferRefusal::Connection(limits.connection)
        } else if !self.budget.has_room(0, limits.all) {
            BufferRefusal::All
        } else {
            return Ok(());
        };
        self.budget.refuses();
        Err(refusal)
    }

    /// A request whose body is not complete, of so many bytes at most: what it takes beside its pieces, until this is dropped.
    pub(in super::super) fn unfinished(self: &Arc<Self>, length: u64) -> BufferCharge {
        let ahead = usize::try_from(length).unwrap_or(usize::MAX).min(READ_AHEAD);
        BufferCharge::new(self, BufferKind::Body, UNFINISHED + ahead)
    }

    /// A piece of a request's body, which counts until it is dropped.
    ///
    /// # Errors
    /// The body is to be refused.
    pub(in super::super) fn charge_piece(self: &Arc<Self>, piece: Bytes) -> Result<Bytes, BufferRefusal> {
        let (limits, length) = (self.budget.limits(), piece.len());
        let bytes = length + PIECE;
        let (held, is_cut) = {
            let state = self.state();
            (state.of(BufferKind::Body) + bytes, state.is_cut)
        };
        let limit = if held <= SMALL { limits.all } else { limits.all / 4 * 3 };
        let refusal = if is_cut {
            BufferRefusal::Stalled
        } else if held > limits.connection + READ_AHEAD + UNFINISHED {
            BufferRefusal::Connection(limits.connection)
        } else if !self.budget.has_room(bytes, limit) {
            BufferRefusal::All
        } else {
            let charge = BufferCharge::new(self, BufferKind::Body, bytes);
            self.state().receive(self.budget.now(), length);
            return Ok(charge.on(piece));
        };
        self.budget.refuses();
        Err(refusal)
    }

    /// So many bytes of an answer. They are in memory, so they cannot be refused: others may have to leave.
    pub(in super::super) fn charge_answer(self: &Arc<Self>, bytes: usize) -> BufferCharge {
        let charge = BufferCharge::new(self, BufferKind::Answer, bytes + ANSWER);
        self.budget.has_room(0, self.budget.limits().all / 4 * 3);
        charge
    }

    /// A handler waits for bytes of a body, until this is dropped. Only then does a client that sends none stand still.
    pub(in super::super) fn wait_for_body(self: &Arc<Self>) -> BodyWait {
        self.state().begin_wait(self.budget.now());
        BodyWait(Arc::clone(self))
    }

    /// Completes when the connection is cut; see [`is_cut`](Self::is_cut).
    pub(in super::super) fn cut_soon(&self) -> OwnedNotified {
        Arc::clone(&self.bodies).notified_owned()
    }

    /// Whether it must give up what it holds.
    pub(in super::super) fn is_cut(&self) -> bool {
        self.state().is_cut
    }

    /// Completes once the connection has to be closed because it is cut. If all that it holds are bodies, their handlers answer
    /// first.
    pub(in super::super) async fn has_to_close(&self) {
        loop {
            if !self.is_cut() {
                self.connection.notified().await;
                continue;
            }
            if !self.holds_only_bodies() {
                return;
            }
            tokio::time::sleep(ANSWER_WITHIN).await;
            if !self.goes_on() {
                return;
            }
        }
    }

    /// For how long it has held how many bytes without progress, as a product; none if it makes progress.
    pub(super) fn stalled_byte_time(&self, now: u64) -> Option<u128> {
        self.state().stalled_byte_time(now)
    }

    /// Makes the connection give up what it holds. Whether it does: it may hold nothing any more.
    pub(super) fn cut(&self) -> bool {
        {
            let mut state = self.state();
            if state.is_cut || state.held() == 0 {
                return false;
            }
            self.gave_back(&state, state.held());
            state.is_cut = true;
        }
        self.bodies.notify_waiters();
        self.connection.notify_one();
        true
    }

    /// Counts these bytes as far as heads count, and says how much all of the head counts.
    fn add_head(&self, bytes: usize) -> usize {
        let now = self.budget.now();
        let mut state = self.state();
        let bytes = bytes.min(MOST_OF_HEADS.saturating_sub(state.of(BufferKind::Head)));
        state.add(now, BufferKind::Head, bytes);
        self.took(&state, bytes);
        state.of(BufferKind::Head)
    }

    fn adds(&self, kind: BufferKind, bytes: usize) {
        let now = self.budget.now();
        let mut state = self.state();
        state.add(now, kind, bytes);
        self.took(&state, bytes);
    }

    fn gives_back(&self, charge: &BufferCharge) {
        let now = self.budget.now();
        let mut state = self.state();
        state.remove(now, charge.kind, charge.bytes);
        self.gave_back(&state, charge.bytes);
        if charge.kind == BufferKind::Answer {
            state.send(now, charge.payload);
        }
    }

    fn took(&self, state: &HeldState, bytes: usize) {
        if !state.is_cut {
            self.budget.adds(bytes);
        }
    }

    fn gave_back(&self, state: &HeldState, bytes: usize) {
        if !state.is_cut {
            self.budget.gives_back(bytes);
        }
    }

    fn holds_only_bodies(&self) -> bool {
        let state = self.state();
        state.of(BufferKind::Head) == 0 && state.of(BufferKind::Answer) == 0
    }

    /// A connection of HTTP/2 whose bodies have been given up may stay.
    fn goes_on(&self) -> bool {
        let mut state = self.state();
        if state.held() > 0 {
            return false;
        }
        state.is_cut = false;
        true
    }

    fn state(&self) -> MutexGuard<'_, HeldState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A handler waits for bytes of a body, until this is dropped.
pub(in super::super) struct BodyWait(Arc<ConnectionBuffers>);

impl Drop for BodyWait {
    fn drop(&mut self) {
        self.0.state().end_wait(self.0.budget.now());
    }
}

/// So many bytes that a connection holds, until this is dropped.
pub(in super::super) struct BufferCharge {
    connection: Arc<ConnectionBuffers>,
    kind: BufferKind,
    bytes: usize,
    /// The bytes that take it along.
    payload: usize,
}

impl BufferCharge {
    fn new(connection: &Arc<ConnectionBuffers>, kind: BufferKind, bytes: usize) -> Self {
        connection.adds(kind, bytes);
        BufferCharge { connection: Arc::clone(connection), kind, bytes, payload: 0 }
    }

    /// A part of it, of so many bytes, for what is dropped before the rest.
    pub(in super::super) fn split(&mut self, bytes: usize) -> Self {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        BufferCharge { connection: Arc::clone(&self.connection), kind: self.kind, bytes, payload: 0 }
    }

    /// The same bytes, which take this charge along: it ends when they are dropped, wherever that is, in a handler that collects a
    /// body, or in hyper's queue of what the socket has no room for.
    pub(in super::super) fn on(mut self, bytes: Bytes) -> Bytes {
        self.payload = bytes.len();
        Bytes::from_owner(ChargedBytes { bytes, _charge: self })
    }
}

impl Drop for BufferCharge {
    fn drop(&mut self) {
        self.connection.gives_back(self);
    }
}

struct ChargedBytes {
    bytes: Bytes,
    _charge: BufferCharge,
}

impl AsRef<[u8]> for ChargedBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::super::budget::BufferLimits;
    use super::*;

    fn open() -> (Arc<BufferBudget>, Arc<ConnectionBuffers>) {
        let budget = BufferBudget::new(BufferLimits { all: 48 << 20, connection: 4 << 20 });
        let connection = budget.open();
        (budget, connection)
    }

    #[test]
    fn frames_before_the_first_request_count_within_bounds() {
        let (budget, connection) = open();
        for _ in 0..100 {
            connection.receive_head(MOST_OF_HEADS);
        }
        assert_eq!(budget.figures().held, MOST_OF_HEADS as u64);
        connection.end_head();
        assert_eq!(budget.figures().held, 0);
    }

    #[test]
    fn a_connection_that_holds_nothing_is_not_cut() {
        let (budget, connection) = open();
        assert!(!connection.cut());
        let charge = connection.charge_answer(1000);
        assert!(connection.cut() && !connection.cut());
        drop(charge);
        assert_eq!(budget.figures().held, 0);
    }

    #[test]
    fn the_parts_of_a_charge_are_given_back_one_by_one() {
        let (budget, connection) = open();
        let mut charge = connection.charge_answer(1000);
        let all = budget.figures().held;
        let part = charge.split(400).on(Bytes::from_static(&[b'x'; 400]));
        assert_eq!(budget.figures().held, all);
        drop(part);
        assert_eq!(budget.figures().held, all - 400);
        drop(charge);
        assert_eq!(budget.figures().held, 0);
    }
}
