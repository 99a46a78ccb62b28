//! BEGIN READ WRITE … COMMIT on a leased connection.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::super::{Call, CommitOutcome, Deferred, DriverTransaction, NotCommitted, Unsettled};
use super::lease::{CANCEL_TIMEOUT, Lease};
use super::rls;
use crate::driver::DriverError;
use crate::error::Source;
use crate::ownership::OrgId;

/// A transaction on a leased connection. Outside it the connection is read-only.
pub(super) struct PostgresTransaction {
    /// A statement that is under way holds a second reference.
    lease: Mutex<Option<Arc<Lease>>>,
    /// The organization that the whole transaction is restricted to.
    org: Option<OrgId>,
}

impl PostgresTransaction {
    pub(super) async fn begin(
        lease: Lease,
        org: Option<OrgId>,
        deadline: Option<Instant>,
    ) -> Result<Self, DriverError> {
        lease.begin_writing(org, deadline).await?;
        Ok(PostgresTransaction { lease: Mutex::new(Some(Arc::new(lease))), org })
    }

    fn lease(&self) -> Result<Arc<Lease>, DriverError> {
        let lease = self.lease.lock().unwrap_or_else(PoisonError::into_inner);
        lease.clone().ok_or_else(ended)
    }

    fn take(&self) -> Option<Arc<Lease>> {
        self.lease.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl DriverTransaction for PostgresTransaction {
    fn run<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<u64, DriverError>> {
        Box::pin(async move {
            let lease = self.lease()?;
            match call.held_to().filter(|org| self.org != Some(*org)) {
                Some(org) => lease.send(call, Some(&rls::narrow(org)), Some(&rls::widen())).await,
                None => lease.send(call, None, None).await,
            }
        })
    }

    fn script<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<(), DriverError>> {
        Box::pin(async move { self.lease()?.script(sql).await })
    }

    fn commit_with(
        &self,
        deferred: Vec<Deferred>,
        mut unsettled: Unsettled,
    ) -> BoxFuture<'_, Result<Vec<Duration>, NotCommitted>> {
        Box::pin(async move {
            let lease = self.take().and_then(Arc::into_inner).ok_or_else(ended)?;
            unsettled.mark_sent();
            let result = lease.commit(&deferred).await;
            unsettled.settle(outcome_of(&result));
            if result.is_err() {
                roll_back(lease);
            }
            result
        })
    }

    fn give_up(&self) -> bool {
        match self.take().map(Arc::try_unwrap) {
            Some(Ok(lease)) => roll_back(lease),
            // The last owner to drop it closes the connection: the statement's future, or this.
            Some(Err(shared)) => shared.give_up(),
            None => {}
        }
        true
    }
}

/// How a COMMIT ended, from its answer.
fn outcome_of(result: &Result<Vec<Duration>, NotCommitted>) -> CommitOutcome {
    match result {
        Ok(_) => CommitOutcome::Committed,
        Err(NotCommitted { error: DriverError::OutcomeUnknown(_), .. }) => CommitOutcome::Unknown,
        Err(_) => CommitOutcome::RolledBack,
    }
}

fn ended() -> DriverError {
    DriverError::Other(Source::new("the transaction has ended"))
}

impl Drop for PostgresTransaction {
    fn drop(&mut self) {
        self.take().and_then(Arc::into_inner).into_iter().for_each(roll_back);
    }
}

/// Ends the transaction on a connection. The connection returns to the pool once the ROLLBACK has succeeded.
fn roll_back(lease: Lease) {
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
