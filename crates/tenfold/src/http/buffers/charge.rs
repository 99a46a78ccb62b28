//! Bytes of a body or an answer, which count until they are dropped.

use std::sync::Arc;

use bytes::Bytes;

use super::client::BufferClient;
use super::connection::{BufferRefusal, ConnectionBuffers, READ_AHEAD};
use super::held::BufferKind;

/// A connection that holds less than this may use all of the budget, others three quarters of it: sign-ins and other small
/// requests are served beside large ones.
const SMALL: usize = 64 << 10;
/// What a request takes while its body is not complete, besides the body: its handler, and the connection's buffer.
const UNFINISHED: usize = 8 << 10;
/// What a piece of a body costs besides its bytes, so that a body in single bytes is not for free.
const PIECE: usize = 128;
/// The same for an answer.
const ANSWER: usize = 1 << 10;

impl ConnectionBuffers {
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

    /// So many bytes of an answer, to this client if it is known. They are in memory, so they cannot be refused: others may have to
    /// leave.
    pub(in super::super) fn charge_answer(
        self: &Arc<Self>,
        bytes: usize,
        client: Option<&Arc<BufferClient>>,
    ) -> BufferCharge {
        let mut charge = BufferCharge::new(self, BufferKind::Answer, bytes + ANSWER);
        if let Some(client) = client {
            charge.count_for(client);
        }
        self.budget.has_room(0, self.budget.limits().all / 4 * 3);
        charge
    }
}

/// So many bytes that a connection holds, until this is dropped.
pub(in super::super) struct BufferCharge {
    connection: Arc<ConnectionBuffers>,
    kind: BufferKind,
    bytes: usize,
    /// The bytes that take it along.
    payload: usize,
    /// For whom an answer is held.
    client: Option<Arc<BufferClient>>,
}

impl BufferCharge {
    fn new(connection: &Arc<ConnectionBuffers>, kind: BufferKind, bytes: usize) -> Self {
        connection.adds(kind, bytes);
        BufferCharge { connection: Arc::clone(connection), kind, bytes, payload: 0, client: None }
    }

    /// It counts for this client as well.
    fn count_for(&mut self, client: &Arc<BufferClient>) {
        self.connection.state().client = Some(client.flow());
        client.adds(self.bytes);
        self.client = Some(Arc::clone(client));
    }

    /// A part of it, of so many bytes, for what is dropped before the rest.
    pub(in super::super) fn split(&mut self, bytes: usize) -> Self {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        let (connection, client) = (Arc::clone(&self.connection), self.client.clone());
        BufferCharge { connection, kind: self.kind, bytes, payload: 0, client }
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
        self.connection.gives_back(self.kind, self.bytes, self.payload);
        if let Some(client) = &self.client {
            client.gives_back(self.bytes);
        }
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
    use tenfold_admission::Flow;

    use super::super::budget::BufferBudget;
    use super::*;

    #[test]
    fn a_connection_that_holds_nothing_is_not_cut() {
        let (budget, connection) = BufferBudget::with_connection();
        assert_eq!(connection.cut(), None);
        let charge = connection.charge_answer(1000, None);
        assert_eq!(connection.cut(), Some(1000 + ANSWER));
        assert_eq!(connection.cut(), None);
        drop(charge);
        assert_eq!(budget.figures().held, 0);
    }

    #[test]
    fn the_parts_of_a_charge_are_given_back_one_by_one() {
        let (budget, connection) = BufferBudget::with_connection();
        let client = connection.client(Flow(1));
        let mut charge = connection.charge_answer(1000, Some(&client));
        let all = budget.figures().held;
        let part = charge.split(400).on(Bytes::from_static(&[b'x'; 400]));
        assert_eq!((budget.figures().held, client.held() as u64), (all, all));
        drop(part);
        assert_eq!((budget.figures().held, client.held() as u64), (all - 400, all - 400));
        drop(charge);
        assert_eq!((budget.figures().held, client.held()), (0, 0));
    }

    #[test]
    fn a_client_holds_at_most_as_much_as_is_free() {
        let (budget, connection) = BufferBudget::with_connection();
        let (greedy, other) = (connection.client(Flow(1)), connection.client(Flow(2)));
        let half = budget.limits().all / 2;
        let held = connection.charge_answer(half - ANSWER, Some(&greedy));
        assert!(budget.has_share(&greedy), "half is free");
        let more = connection.charge_answer(0, Some(&greedy));
        assert!(!budget.has_share(&greedy));
        assert!(budget.has_share(&other));
        drop((held, more));
        assert!(budget.has_share(&greedy));
    }
}
