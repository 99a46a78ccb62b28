//! What the command is doing, as requests see it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::failure::Failure;
use super::output::OutputTail;

/// What the command is doing.
#[derive(Clone)]
pub(super) enum DevState {
    /// Requests wait.
    Working(DevWork),
    /// Requests go to this process.
    Ready(Arc<Upstream>),
    /// Requests are told why there is no answer.
    Failed(Arc<Failure>),
}

/// What requests wait for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum DevWork {
    Building,
    Starting,
}

impl DevWork {
    /// What is going on, in a few words.
    pub(super) fn title(self) -> &'static str {
        match self {
            DevWork::Building => "Building",
            DevWork::Starting => "Starting",
        }
    }
}

/// The state, with a number that grows with each change: pages compare it with the one they show.
pub(super) type Numbered = (u64, DevState);

/// Where the state is written. Requests read it.
pub(super) struct Board(watch::Sender<Numbered>);

impl Board {
    pub(super) fn new() -> Self {
        Board(watch::Sender::new((0, DevState::Working(DevWork::Building))))
    }

    pub(super) fn set(&self, state: DevState) {
        self.0.send_modify(|(number, now)| {
            *number += 1;
            *now = state;
        });
    }

    /// From now on requests wait, unless they already do.
    pub(super) fn hold(&self) {
        self.0.send_if_modified(|(number, now)| {
            let holds = matches!(now, DevState::Working(_));
            if !holds {
                *number += 1;
                *now = DevState::Working(DevWork::Building);
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
    pub(super) output: Arc<OutputTail>,
    /// Requests that were sent to it and have no status yet, and when the last one was sent.
    unanswered: watch::Sender<(usize, Instant)>,
}

impl Upstream {
    pub(super) fn new(address: SocketAddr, output: Arc<OutputTail>) -> Self {
        Upstream { address, output, unanswered: watch::Sender::new((0, Instant::now())) }
    }

    /// Counts a request until what this returns is dropped. To be called while the state is borrowed: after the state
    /// has changed, nobody enters.
    pub(super) fn enter(self: &Arc<Self>) -> UnansweredRequest {
        self.unanswered.send_modify(|unanswered| *unanswered = (unanswered.0 + 1, Instant::now()));
        UnansweredRequest(Arc::clone(self))
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
pub(super) struct UnansweredRequest(Arc<Upstream>);

impl UnansweredRequest {
    pub(super) fn upstream(&self) -> &Upstream {
        &self.0
    }
}

impl Drop for UnansweredRequest {
    fn drop(&mut self) {
        self.0.unanswered.send_modify(|unanswered| unanswered.0 -= 1);
    }
}
