//! How many bytes a connection holds, and for how long its client has stood still.

use tenfold_admission::Flow;

/// A client makes progress if at least so many bytes of bodies and answers move while it has its turn for `STALLED_AFTER`, and an
/// eighth of what it holds. One that trickles would otherwise keep its bytes for as long as it likes.
const PROGRESS: usize = 16 << 10;
const SHARE_OF_HELD: usize = 8;
/// In microseconds. Only while the budget is used up does it matter.
const STALLED_AFTER: u64 = 1_000_000;

/// What bytes are held for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BufferKind {
    /// Heads of requests that are not complete.
    Head,
    /// The bodies of requests.
    Body,
    /// Answers.
    Answer,
}

/// The bytes of one connection, and its client's progress. Times are in microseconds.
#[derive(Default)]
pub(super) struct HeldState {
    head: usize,
    bodies: usize,
    answers: usize,
    /// How many handlers wait for bytes of bodies.
    awaited: usize,
    /// For how long the client has had its turn since it last made progress, without the turn that it has now.
    stood: u64,
    turn_since: Option<u64>,
    /// What has moved in that time.
    moved: usize,
    /// What the socket has taken in that time, and is not in `moved`.
    written: usize,
    pub(super) is_cut: bool,
    /// Whom it last answered.
    pub(super) client: Option<Flow>,
}

impl HeldState {
    /// All bytes.
    pub(super) fn held(&self) -> usize {
        self.head + self.bodies + self.answers
    }

    pub(super) fn of(&self, kind: BufferKind) -> usize {
        match kind {
            BufferKind::Head => self.head,
            BufferKind::Body => self.bodies,
            BufferKind::Answer => self.answers,
        }
    }

    pub(super) fn add(&mut self, now: u64, kind: BufferKind, bytes: usize) {
        self.change(now, |state| *state.of_mut(kind) += bytes);
    }

    pub(super) fn remove(&mut self, now: u64, kind: BufferKind, bytes: usize) {
        self.change(now, |state| *state.of_mut(kind) -= bytes);
    }

    /// A handler begins to wait for bytes of a body.
    pub(super) fn begin_wait(&mut self, now: u64) {
        self.change(now, |state| state.awaited += 1);
    }

    /// It has them, or waits no longer.
    pub(super) fn end_wait(&mut self, now: u64) {
        self.change(now, |state| state.awaited -= 1);
    }

    /// Bytes of a body have come.
    pub(super) fn receive(&mut self, now: u64, bytes: usize) {
        self.progress(now, bytes);
    }

    /// The socket has taken bytes of any kind.
    pub(super) fn write(&mut self, bytes: usize) {
        if self.held() > 0 {
            self.written += bytes;
        }
    }

    /// Bytes of an answer have been dropped. They have moved only if the socket took as many: a stream of HTTP/2 can be reset, and the
    /// socket's bytes can be answers to pings.
    pub(super) fn send(&mut self, now: u64, bytes: usize) {
        let sent = bytes.min(self.written);
        self.written -= sent;
        self.progress(now, sent);
    }

    /// For how long it has held how many bytes without progress, as a product; none if it makes progress.
    pub(super) fn stalled_byte_time(&self, now: u64) -> Option<u128> {
        let stood = self.stood(now);
        let is_stalled = self.held() > 0 && !self.is_cut && stood >= STALLED_AFTER;
        is_stalled.then(|| self.held() as u128 * u128::from(stood))
    }

    fn of_mut(&mut self, kind: BufferKind) -> &mut usize {
        match kind {
            BufferKind::Head => &mut self.head,
            BufferKind::Body => &mut self.bodies,
            BufferKind::Answer => &mut self.answers,
        }
    }

    fn change(&mut self, now: u64, change: impl FnOnce(&mut Self)) {
        self.stood = self.stood(now);
        change(self);
        self.turn_since = self.is_clients_turn().then_some(now);
        if self.held() == 0 {
            self.start_again(now);
        }
    }

    fn progress(&mut self, now: u64, bytes: usize) {
        self.moved += bytes;
        if self.moved >= PROGRESS.max(self.held() / SHARE_OF_HELD) {
            self.start_again(now);
        }
    }

    fn start_again(&mut self, now: u64) {
        (self.stood, self.moved, self.written) = (0, 0, 0);
        self.turn_since = self.is_clients_turn().then_some(now);
    }

    /// Whether the client has to do something. While a handler waits for the database, its client can do nothing.
    fn is_clients_turn(&self) -> bool {
        self.head > 0 || self.answers > 0 || self.awaited > 0
    }

    fn stood(&self, now: u64) -> u64 {
        self.stood + self.turn_since.map_or(0, |since| now.saturating_sub(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LARGE: usize = 4 << 20;

    fn stands(state: &HeldState, now: u64) -> bool {
        state.stalled_byte_time(now).is_some()
    }

    #[test]
    fn who_holds_much_has_to_move_much() {
        let mut state = HeldState::default();
        state.add(0, BufferKind::Answer, LARGE);
        state.receive(900_000, PROGRESS);
        assert!(stands(&state, STALLED_AFTER), "too little for so much");
        state.receive(950_000, LARGE / SHARE_OF_HELD);
        assert!(!stands(&state, STALLED_AFTER));
        assert!(stands(&state, 950_000 + STALLED_AFTER));
    }

    #[test]
    fn only_what_the_socket_has_taken_counts_as_sent() {
        let mut state = HeldState::default();
        state.add(0, BufferKind::Answer, PROGRESS);
        state.send(900_000, PROGRESS);
        assert!(stands(&state, STALLED_AFTER), "it was reset");
        state.write(PROGRESS);
        state.send(950_000, PROGRESS);
        assert!(!stands(&state, STALLED_AFTER));
    }

    #[test]
    fn while_no_handler_waits_for_its_body_no_client_stands_still() {
        let mut state = HeldState::default();
        state.add(0, BufferKind::Body, PROGRESS);
        assert!(!stands(&state, 60 * STALLED_AFTER), "the service is at work");
        let second = |number: u64| (60 + number) * STALLED_AFTER;
        for number in 0..2 {
            // The time of many short waits adds up.
            state.begin_wait(second(number));
            assert!(!stands(&state, second(number) + STALLED_AFTER / 3));
            state.end_wait(second(number) + STALLED_AFTER / 3);
        }
        state.begin_wait(second(2));
        assert!(stands(&state, second(2) + STALLED_AFTER / 2));
    }
}
