//! Runs a transaction's closure under its limit, `database.transaction_limit`.
//!
//! On SQLite a transaction holds the only writer. All transactions behind it wait for it, even those whose own work is
//! done and that only wait for their group's COMMIT. On PostgreSQL it holds a connection and its locks. So it may stay
//! open only for a configured time. After that a separate task ends it, because the closure may be one of several
//! branches and not be polled at all. The task is spawned when the closure first waits; on SQLite most closures never
//! do.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::task::JoinHandle;

use super::OpenTransaction;
use crate::error::DataError;
use crate::scope::Connection;

/// Runs a transaction's closure. When the transaction was open for too long, gives up on it and returns an error. The
/// caller pins the closure: a future moved into an `async fn` and pinned there takes its space twice.
pub(super) async fn bounded<T, E: From<DataError>>(
    open: &OpenTransaction,
    mut work: Pin<&mut impl Future<Output = Result<T, E>>>,
) -> Result<T, E> {
    let (connection, scope) = (&*open.connection, &open.closing.0);
    let mut watchdog = None;
    poll_fn(|cx| {
        let check = || connection.check_limit().map_err(|error| error.at("transaction", open.site));
        if let Err(error) = check() {
            return Poll::Ready(Err(error.into()));
        }
        connection.state().set_waiting(false);
        if let Poll::Ready(result) = work.as_mut().poll(cx) {
            return Poll::Ready(result);
        }
        connection.state().set_waiting(scope.is_driving());
        let watchdog = watchdog.get_or_insert_with(|| Watchdog::start(connection));
        // The load wakes this task when it is answered. It is sent at once if no other future holds the waker, without
        // a turn of the executor. So the watchdog need not hold the waker.
        if scope.has_load_of(cx.waker()) {
            return Poll::Pending;
        }
        match watchdog.poll_ended(cx) {
            Poll::Ready(()) => {
                check().map_or_else(|error| Poll::Ready(Err(error.into())), |()| Poll::Pending)
            }
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// The task that ends a transaction at its limit. It is dropped with the closure.
struct Watchdog(Option<JoinHandle<()>>);

impl Watchdog {
    fn start(connection: &Connection) -> Self {
        // Without a runtime there is no timer; the limit is then checked only before each statement.
        let runtime = tokio::runtime::Handle::try_current().ok();
        Watchdog(runtime.map(|runtime| runtime.spawn(connection.at_limit())))
    }

    fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(task) = &mut self.0 else { return Poll::Pending };
        Pin::new(task).poll(cx).map(|_| self.0 = None)
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}
