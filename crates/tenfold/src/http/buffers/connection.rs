//! What is held for the client of one connection.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tenfold_admission::Flow;
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

use super::budget::BufferBudget;
use super::client::BufferClient;
use super::held::{BufferKind, HeldState};

/// How much of a body the protocol reads before its handler asks for it: the window of a stream of HTTP/2, twice the
/// buffer of HTTP/1.
pub(in super::super) const READ_AHEAD: usize = 64 << 10;
/// A head of half as many bytes is heard even if no more bytes may be held: its request is answered or refused.
const LARGE_HEAD: usize = 16 << 10;
/// Heads count up to this: no head is longer, but a client of HTTP/2 can send frames that begin no request.
const MOST_OF_HEADS: usize = 2 * READ_AHEAD;
/// A buffer grows by doubling, so that half of it may be empty.
const GROWTH: usize = 2;
/// A client that has more than this to take takes the body of a refusal no sooner.
const UNTAKEN: usize = 16 << 10;
/// How long the handlers whose bodies were given up have to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// Why no more bytes are held for a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in super::super) enum BufferRefusal {
    /// The process holds as many as it may.
    #[error("the service holds as many bytes for its clients as it may (http.buffer_limit)")]
    All,
    /// The answers to its client take as much as is free.
    #[error(
        "answers that this organization or network has not taken leave too little memory for others (http.buffer_limit)"
    )]
    Client,
    /// The connection does.
    #[error("this connection holds {0} bytes at once, the most that one may (http.connection_buffer_limit)")]
    Connection(usize),
    /// Others need the room.
    #[error("it did not go on while other clients needed the memory that it holds (http.buffer_limit)")]
    Stalled,
}

/// Whose bytes a refusal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum BytesOf {
    /// Those of all clients.
    All,
    /// What its own client holds or leaves lying, as with a 429.
    Client,
}

impl BufferRefusal {
    /// Whether the memory of all is used up, or its client takes too much. One that stands still is cut only if others need the memory.
    pub(in super::super) fn bytes_of(self) -> BytesOf {
        match self {
            BufferRefusal::All | BufferRefusal::Stalled => BytesOf::All,
            BufferRefusal::Client | BufferRefusal::Connection(_) => BytesOf::Client,
        }
    }
}

/// What one connection holds.
pub(in super::super) struct ConnectionBuffers {
    pub(super) budget: Arc<BufferBudget>,
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

    /// The account of a client that sends requests here.
    pub(in super::super) fn client(&self, flow: Flow) -> Arc<BufferClient> {
        self.budget.client(flow)
    }

    /// Whether the service may begin a request of this connection, from this client.
    ///
    /// # Errors
    /// It is to be refused.
    pub(in super::super) fn admit(&self, client: &BufferClient) -> Result<(), BufferRefusal> {
        let limits = self.budget.limits();
        let refusal = if self.state().held() > limits.connection {
            BufferRefusal::Connection(limits.connection)
        } else if !self.budget.has_room(0, limits.all) {
            BufferRefusal::All
        } else if !self.budget.has_share(client) {
            BufferRefusal::Client
        } else {
            return Ok(());
        };
        self.budget.refuses();
        Err(refusal)
    }

    /// Whether its client leaves answers lying, so that the body of a refusal would only lie there as well.
    pub(in super::super) fn leaves_answers(&self) -> bool {
        self.state().of(BufferKind::Answer) > UNTAKEN
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

    /// Whether what it holds is for this client. A proxy's connection has many clients: then it is for the last that was answered.
    pub(super) fn serves(&self, client: &BufferClient) -> bool {
        self.state().client == Some(client.flow())
    }

    /// Makes the connection give up what it holds, and says how many bytes that are; nothing if it holds none any more.
    pub(super) fn cut(&self) -> Option<usize> {
        let held = {
            let mut state = self.state();
            if state.is_cut || state.held() == 0 {
                return None;
            }
            self.gave_back(&state, state.held());
            state.is_cut = true;
            state.held()
        };
        self.bodies.notify_waiters();
        self.connection.notify_one();
        Some(held)
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

    pub(super) fn adds(&self, kind: BufferKind, bytes: usize) {
        let now = self.budget.now();
        let mut state = self.state();
        state.add(now, kind, bytes);
        self.took(&state, bytes);
    }

    /// The opposite. They have taken so many bytes of a body or an answer along.
    pub(super) fn gives_back(&self, kind: BufferKind, bytes: usize, payload: usize) {
        let now = self.budget.now();
        let mut state = self.state();
        state.remove(now, kind, bytes);
        self.gave_back(&state, bytes);
        if kind == BufferKind::Answer {
            state.send(now, payload);
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

    pub(super) fn state(&self) -> MutexGuard<'_, HeldState> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_before_the_first_request_count_within_bounds() {
        let (budget, connection) = BufferBudget::with_connection();
        for _ in 0..100 {
            connection.receive_head(MOST_OF_HEADS);
        }
        assert_eq!(budget.figures().held, MOST_OF_HEADS as u64);
        connection.end_head();
        assert_eq!(budget.figures().held, 0);
    }
}
