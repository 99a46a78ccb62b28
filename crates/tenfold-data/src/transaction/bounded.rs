//! A transaction's closure under its limit, `database.transaction_limit`.
//!
//! On SQLite a transaction holds the one writer, and all that queue up behind it wait for it, also those whose own
//! work is done and who wait for their group's COMMIT; on PostgreSQL it holds a connection and its locks. So it may
//! stay open for a named time. A task ends it then, since the closure may be one of several branches and not be polled
//! at all. The task is made when the closure waits for the first time: on SQLite most never do.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::task::JoinHandle;

use super::Open;
use crate::error::DataError;
use crate::scope::Connection;

/// Runs a transaction's closure; when the transaction was open for too long, gives up on it and says so. The closure is
/// pinned by the caller: what is moved into an `async fn` and pinned there takes its room twice.
pub(super) async fn bounded<T, E: From<DataError>>(
    open: &Open,
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
        // A load wakes it when it is answered, and is sent at once if nobody else holds the waker: no turn is taken.
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

/// The task that ends a transaction at its limit; it goes with the closure.
struct Watchdog(Option<JoinHandle<()>>);

impl Watchdog {
    fn start(connection: &Connection) -> Self {
        // Without a runtime there is no timer; then the limit is looked at before each statement only.
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
