//! Work that one task does for all who wait for it: committing a group, opening a lane, sending merged loads.
//!
//! The first to ask starts the task. None of those who wait does the work: they may be dropped, or not be polled any more.
//! The task can be dropped too, when its runtime ends. Then the leader hears of it, and hands the work on.

use std::future::Future;

use tokio::runtime::Handle;

/// Does the work of all who wait for it.
pub(crate) trait Leader: Send + Sized + 'static {
    /// Does the work.
    fn lead(&mut self) -> impl Future<Output = ()> + Send;

    /// Called once: after the work, or in its place if the task was dropped.
    fn end(&mut self, end: LeaderEnd);
}

/// How a leader's task came to its end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum LeaderEnd {
    /// The work is done.
    Done,
    /// The task was dropped before, or there is no runtime.
    Dropped,
}

/// Lets the leader work in a task of `runtime`.
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
