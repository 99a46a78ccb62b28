//! What the command is doing, as requests see it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::failure::Failure;
use super::output::Output;

/// What the command is doing.
#[derive(Clone)]
pub(super) enum State {
    /// Requests wait.
    Working(Work),
    /// Requests go to this process.
    Ready(Arc<Upstream>),
    /// Requests are told why there is no answer.
    Failed(Arc<Failure>),
}

/// What requests wait for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    Building,
    Starting,
}

impl Work {
    /// What is going on, in a few words.
    pub(super) fn title(self) -> &'static str {
        match self {
            Work::Building => "Building",
            Work::Starting => "Starting",
        }
    }
}

/// The state, with a number that grows with each change: pages compare it with the one they show.
pub(super) type Numbered = (u64, State);

/// Where the state is written. Requests read it.
pub(super) struct Board(watch::Sender<Numbered>);

impl Board {
    pub(super) fn new() -> Self {
        Board(watch::Sender::new((0, State::Working(Work::Building))))
    }

    pub(super) fn set(&self, state: State) {
        self.0.send_modify(|(number, now)| {
            *number += 1;
            *now = state;
        });
    }

    /// From now on requests wait, unless they already do.
    pub(super) fn hold(&self) {
        self.0.send_if_modified(|(number, now)| {
            let holds = matches!(now, State::Working(_));
            if !holds {
                *number += 1;
                *now = State::Working(Work::Building);
            }
            !holds
        });
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Numbered> {
        self.0.subscribe()
    }
}

/// A process that answers requests.
pub(super) struct Upstream {
    pub(super) address: SocketAddr,
    pub(super) output: Arc<Output>,
    /// Requests that were sent to it and have no status yet, and when the last one was sent.
    unanswered: watch::Sender<(usize, Instant)>,
}

impl Upstream {
    pub(super) fn new(address: SocketAddr, output: Arc<Output>) -> Self {
        Upstream { address, output, unanswered: watch::Sender::new((0, Instant::now())) }
    }

    /// Counts a request until what this returns is dropped. To be called while the state is borrowed: after the state
    /// has changed, nobody enters.
    pub(super) fn enter(self: &Arc<Self>) -> Unanswered {
        self.unanswered.send_modify(|unanswered| *unanswered = (unanswered.0 + 1, Instant::now()));
        Unanswered(Arc::clone(self))
    }

    /// Waits until each request has a status, or has been sent for `limit`. A process that is stopped finishes the
    /// requests that it has read, but one that is still in a socket's buffer would be refused.
    pub(super) async fn settle(&self, limit: Duration) {
        let mut unanswered = self.unanswered.subscribe();
        let until = unanswered.borrow().1 + limit;
        let _ = tokio::time::timeout_at(until, unanswered.wait_for(|unanswered| unanswered.0 == 0)).await;
    }
}

/// A request that has no status yet.
pub(super) struct Unanswered(Arc<Upstream>);

impl Unanswered {
    pub(super) fn upstream(&self) -> &Upstream {
        &self.0
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        self.0.unanswered.send_modify(|unanswered| unanswered.0 -= 1);
    }
}
