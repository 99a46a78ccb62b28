//! Tasks of the command that run beside its main loop.

use tokio::task::JoinHandle;

/// Runs `task` until it ends or the command does.
#[expect(
    clippy::disallowed_methods,
    reason = "the command serves no request scope that could count its tasks"
)]
pub(super) fn spawn<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(task)
}
