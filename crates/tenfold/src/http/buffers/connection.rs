//! What is held for the client of one connection.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

use super::budget::BufferBudget;

/// A connection stands still if fewer than `PROGRESS` bytes have moved for so long, in microseconds. One that trickles would
/// otherwise keep its bytes for as long as it likes. Only while the budget is used up does this matter.
const STALLED_AFTER: u64 = 1_000_000;
const PROGRESS: usize = 16 << 10;
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
/// What a piece of a body costs besides its bytes, so that a body in single bytes is not for free.
const PIECE: usize = 128;
/// The same for an answer.
const ANSWER: usize = 1 << 10;
/// A buffer grows by doubling, so that half of it may be empty.
const GROWTH: usize = 2;
/// How long the handlers whose bodies were given up have to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// What bytes are held for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BufferKind {
    /// The bodies of requests.
    Body,
    /// Answers.
    Answer,
}

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

#[derive(Default)]
struct HeldState {
    head: usize,
    bodies: usize,
    answers: usize,
    /// Since when less than `PROGRESS` has moved, and how much.
    stands_since: u64,
    moved: usize,
    is_cut: bool,
}

impl HeldState {
    fn held(&self) -> usize {
        self.head + self.bodies + self.answers
    }

    fn moves(&mut self, now: u64, bytes: usize) {
        self.moved += bytes;
        if self.moved >= PROGRESS {
            (self.stands_since, self.moved) = (now, 0);
        }
    }

    fn of(&mut self, kind: BufferKind) -> &mut usize {
        match kind {
            BufferKind::Body => &mut self.bodies,
            BufferKind::Answer => &mut self.answers,
        }
    }
}

impl ConnectionBuffers {
    pub(super) fn new(budget: Arc<BufferBudget>, number: u64) -> Self {
        let (bodies, connection) = (Arc::default(), Notify::new());
        ConnectionBuffers { budget, number, state: Mutex::default(), bodies, connection }
    }

    /// The connection has ended: its head will never be complete, and nobody can cut it any more.
    pub(in super::super) fn close(&self) {
        self.has_heard();
        self.budget.close(self.number);
    }

    /// Bytes of a head have come, or what may be one.
    pub(in super::super) fn hears(&self, bytes: usize) {
        self.add(bytes * GROWTH, |state| &mut state.head);
        let is_large = self.state().head > LARGE_HEAD;
        // There is no request to answer yet, so the connection ends.
        if is_large && !self.budget.has_room(0, self.budget.limits().all) {
            self.budget.refuses();
            self.cut();
        }
    }

    /// A head is complete.
    pub(in super::super) fn has_heard(&self) {
        let mut state = self.state();
        let head = std::mem::take(&mut state.head);
        self.gave_back(&state, head);
    }

    /// The client has taken bytes.
    pub(in super::super) fn moves(&self, bytes: usize) {
        let now = self.budget.now();
        let mut state = self.state();
        if state.held() > 0 {
            state.moves(now, bytes);
        }
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
    pub(in super::super) fn keep(self: &Arc<Self>, piece: Bytes) -> Result<Bytes, BufferRefusal> {
        let (limits, bytes) = (self.budget.limits(), piece.len() + PIECE);
        let (held, is_cut) = {
            let state = self.state();
            (state.bodies + bytes, state.is_cut)
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
            self.moves(bytes);
            return Ok(charge.on(piece));
        };
        self.budget.refuses();
        Err(refusal)
    }

    /// So many bytes of an answer. They are in memory, so they cannot be refused: others may have to leave.
    pub(in super::super) fn answers(self: &Arc<Self>, bytes: usize) -> BufferCharge {
        let charge = BufferCharge::new(self, BufferKind::Answer, bytes + ANSWER);
        self.budget.has_room(0, self.budget.limits().all / 4 * 3);
        charge
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
        let state = self.state();
        let stands = now.saturating_sub(state.stands_since);
        let is_stalled = state.held() > 0 && !state.is_cut && stands >= STALLED_AFTER;
        is_stalled.then(|| state.held() as u128 * u128::from(stands))
    }

    /// Makes the connection give up what it holds.
    pub(super) fn cut(&self) {
        {
            let mut state = self.state();
            if state.is_cut {
                return;
            }
            self.gave_back(&state, state.held());
            state.is_cut = true;
        }
        self.bodies.notify_waiters();
        self.connection.notify_one();
    }

    fn adds(&self, kind: BufferKind, bytes: usize) {
        self.add(bytes, |state| state.of(kind));
    }

    fn gives_back(&self, kind: BufferKind, bytes: usize) {
        let now = self.budget.now();
        let mut state = self.state();
        *state.of(kind) -= bytes;
        self.gave_back(&state, bytes);
        if kind == BufferKind::Answer {
            state.moves(now, bytes);
        }
    }

    fn add(&self, bytes: usize, to: impl FnOnce(&mut HeldState) -> &mut usize) {
        let now = self.budget.now();
        let mut state = self.state();
        if state.held() == 0 {
            (state.stands_since, state.moved) = (now, 0);
        }
        *to(&mut state) += bytes;
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
        state.head == 0 && state.answers == 0
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

/// So many bytes that a connection holds, until this is dropped.
pub(in super::super) struct BufferCharge {
    connection: Arc<ConnectionBuffers>,
    kind: BufferKind,
    bytes: usize,
}

impl BufferCharge {
    fn new(connection: &Arc<ConnectionBuffers>, kind: BufferKind, bytes: usize) -> Self {
        connection.adds(kind, bytes);
        BufferCharge { connection: Arc::clone(connection), kind, bytes }
    }

    /// The same bytes, which take this charge along: it ends when they are dropped, wherever that is, in a handler that collects a
    /// body, or in hyper's queue of what the socket has no room for.
    pub(in super::super) fn on(self, bytes: Bytes) -> Bytes {
        Bytes::from_owner(ChargedBytes { bytes, _charge: self })
    }
}

impl Drop for BufferCharge {
    fn drop(&mut self) {
        self.connection.gives_back(self.kind, self.bytes);
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
