//! Work that one task does for all its waiters: committing a group, opening a lane.
//!
//! The first waiter starts the task. No waiter does the work itself, because a waiter may be dropped, or not polled any
//! more. The task can be dropped too, when its runtime ends. The leader is then told, and hands the work on.

use std::future::Future;

use tokio::runtime::Handle;

/// Does work that several tasks wait for.
pub(crate) trait Leader: Send + Sized + 'static {
    /// Does the work.
    fn lead(&mut self) -> impl Future<Output = ()> + Send;

    /// Called once: after the work, or instead of it if the task was dropped.
    fn end(&mut self, end: LeaderEnd);
}

/// How a leader's task ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum LeaderEnd {
    /// The work is done.
    Done,
    /// The task was dropped before the work was done, or there is no runtime.
    Dropped,
}

/// Runs the leader in a task of `runtime`.
pub(crate) fn start(leader: impl Leader, runtime: Option<&Handle>) {
    let leading = Leading { leader, end: LeaderEnd::Dropped };
    if let Some(runtime) = runtime {
        runtime.spawn(leading.run());
    }
}

struct Leading<L: Leader> {
    leader: L,
    end: LeaderEnd,
}

impl<L: Leader> Leading<L> {
    async fn run(mut self) {
        self.leader.lead().await;
        self.end = LeaderEnd::Done;
    }
}

impl<L: Leader> Drop for Leading<L> {
    fn drop(&mut self) {
        self.leader.end(self.end);
    }
}
