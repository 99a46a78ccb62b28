//! BEGIN READ WRITE … COMMIT on a leased connection.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::super::{Call, Deferred, DriverTransaction, NotCommitted, Unsettled};
use super::backends::Backend;
use super::committing::Committing;
use super::lease::Lease;
use super::leases::Leases;
use super::rls;
use super::roll_back::{RollsBack, roll_back};
use crate::driver::DriverError;
use crate::error::Source;
use crate::ownership::OrgId;
use crate::waited::LockCounter;

/// A transaction on a leased connection. Outside it the connection is read-only.
pub(super) struct PostgresTransaction {
    /// A statement that is under way holds a second reference.
    lease: Mutex<Option<Arc<Lease>>>,
    leases: Arc<Leases>,
    /// The organization that the whole transaction is restricted to.
    org: Option<OrgId>,
    /// The server's process, also once the lease is gone.
    backend: Option<Arc<Backend>>,
}

impl PostgresTransaction {
    pub(super) async fn begin(
        leases: Arc<Leases>,
        lease: Lease,
        org: Option<OrgId>,
        deadline: Option<Instant>,
    ) -> Result<Self, DriverError> {
        lease.begin_writing(org, deadline).await?;
        let backend = lease.backend().cloned();
        Ok(PostgresTransaction { lease: Mutex::new(Some(Arc::new(lease))), leases, org, backend })
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
        unsettled: Unsettled,
    ) -> BoxFuture<'_, Result<Vec<Duration>, NotCommitted>> {
        let lease = self.take().and_then(Arc::into_inner).map(RollsBack::new);
        match lease {
            Some(lease) => Box::pin(Committing::new(lease, Arc::clone(&self.leases), deferred, unsettled)),
            None => Box::pin(std::future::ready(Err(ended().into()))),
        }
    }

    fn lock_counter(&self) -> Option<&Arc<LockCounter>> {
        self.backend.as_ref().map(|backend| &backend.locks)
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

fn ended() -> DriverError {
    DriverError::Other(Source::new("the transaction has ended"))
}

impl Drop for PostgresTransaction {
    fn drop(&mut self) {
        self.take().and_then(Arc::into_inner).into_iter().for_each(roll_back);
    }
}
