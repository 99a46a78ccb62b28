//! Rolls a transaction back when nobody awaits it any more.

use std::ops::Deref;

use super::lease::{CANCEL_TIMEOUT, Lease};

/// A connection whose transaction is rolled back when this is dropped.
pub(super) struct RollsBack(Option<Lease>);

impl RollsBack {
    pub(super) fn new(lease: Lease) -> Self {
        RollsBack(Some(lease))
    }

    /// Returns the connection to the pool as it is.
    pub(super) fn keep(mut self) {
        self.0 = None;
    }
}

impl Deref for RollsBack {
    type Target = Lease;

    fn deref(&self) -> &Lease {
        self.0.as_ref().expect("it has the connection until it is dropped")
    }
}

impl Drop for RollsBack {
    fn drop(&mut self) {
        self.0.take().into_iter().for_each(roll_back);
    }
}

/// Ends the transaction on a connection. The connection returns to the pool once the ROLLBACK has succeeded.
pub(super) fn roll_back(lease: Lease) {
    // A ROLLBACK would wait for a statement that is no longer wanted. Dropping the lease cancels the statement and
    // closes the connection, which rolls back as well.
    if lease.is_lost() || !lease.has_begun() {
        return;
    }
    let Ok(runtime) = tokio::runtime::Handle::try_current() else {
        // Nothing can be sent without a runtime, and the pool must not get a connection with an open transaction.
        lease.give_up();
        return;
    };
    runtime.spawn(async move {
        // `script` marks the lease busy, so a ROLLBACK that does not complete closes the connection.
        let rolled_back = tokio::time::timeout(CANCEL_TIMEOUT, lease.script("ROLLBACK")).await;
        if !matches!(rolled_back, Ok(Ok(()))) {
            tracing::warn!(
                "a transaction could not be rolled back in time; its connection is closed instead"
            );
        }
    });
}
