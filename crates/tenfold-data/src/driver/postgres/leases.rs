//! The connections that one task has to itself, from the pool.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{HookError, Pool, PoolError, Timeouts};
use tokio::time::Instant;

use super::lease::Lease;
use super::refusal::unconnected;
use super::rls::SessionSettings;
use super::tls::Tls;
use crate::driver::DriverError;
use crate::error::Source;

/// The connections that one task has to itself.
pub(super) struct Leases {
    pub pool: Pool,
    pub acquire_timeout: Duration,
    pub session: Arc<SessionSettings>,
    pub tls: Tls,
}

impl Leases {
    /// A connection for one task. Waiting for it counts against the deadline.
    pub(super) async fn lease(&self, deadline: Option<Instant>) -> Result<Lease, DriverError> {
        let own = Instant::now() + self.acquire_timeout;
        let until = deadline.map_or(own, |deadline| deadline.min(own));
        let full =
            DriverError::Overloaded("no connection came free in time (database.pool_size, acquire_timeout)");
        match tokio::time::timeout_at(until, self.pool.timeout_get(&Timeouts::default())).await {
            Ok(Ok(client)) => Ok(Lease::new(client, Arc::clone(&self.session), self.tls.clone())),
            Ok(Err(PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)))) => {
                Err(unconnected(error))
            }
            Ok(Err(PoolError::Timeout(_))) | Err(_) => Err(full),
            Ok(Err(error)) => Err(DriverError::Unavailable(Source::new(error.to_string()))),
        }
    }
}
