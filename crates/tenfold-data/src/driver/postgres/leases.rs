//! The connections that one task has to itself, from the pool.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use deadpool_postgres::{HookError, Pool, PoolError, Timeouts};
use tokio::time::Instant;

use super::backends::Backends;
use super::lease::Lease;
use super::refusal::unconnected;
use super::rls::SessionSettings;
use super::tls::Tls;
use crate::driver::DriverError;
use crate::driver::fair_permits::FairPermits;
use crate::error::Source;
use crate::ownership::OrgId;
use crate::waited::{WaitKind, WaitMeter};

/// The connections that one task has to itself.
pub(super) struct Leases {
    pub pool: Pool,
    /// Permits for the pool's connections.
    pub turns: Arc<FairPermits>,
    pub acquire_timeout: Duration,
    pub session: Arc<SessionSettings>,
    pub tls: Tls,
    /// `None` behind a pooler.
    pub backends: Option<Arc<Backends>>,
}

impl Leases {
    /// Gives no more connections. What waits for one fails at once; what has one keeps it.
    pub(super) fn close(&self) {
        self.pool.close();
        self.turns.close();
    }

    /// A connection for one task that no request waits for.
    pub(super) async fn lease(&self, deadline: Option<Instant>) -> Result<Lease, DriverError> {
        self.lease_metered(None, deadline, &WaitMeter::default()).await
    }

    /// A connection for one task, once it is the organization's turn. The wait counts against the deadline and is reported to `meter`.
    pub(super) async fn lease_metered(
        &self,
        org: Option<OrgId>,
        deadline: Option<Instant>,
        meter: &WaitMeter,
    ) -> Result<Lease, DriverError> {
        let own = Instant::now() + self.acquire_timeout;
        let until = deadline.map_or(own, |deadline| deadline.min(own));
        let full =
            DriverError::Overloaded("no connection came free in time (database.pool_size, acquire_timeout)");
        let no_timeouts = Timeouts::default();
        let mut getting = pin!(async {
            let turn = self.turns.take(meter.connection_owner(org)).await.ok_or(PoolError::Closed)?;
            self.pool.timeout_get(&no_timeouts).await.map(|client| (client, turn))
        });
        // One that is free is there at once. Only a wait needs a timer, and is measured.
        let got = match poll_fn(|cx| Poll::Ready(getting.as_mut().poll(cx))).await {
            Poll::Ready(got) => Ok(got),
            Poll::Pending => {
                let _waits = meter.begin(WaitKind::Connection, None);
                tokio::time::timeout_at(until, getting).await
            }
        };
        match got {
            Ok(Ok((client, turn))) => {
                let backend = self.backends.as_ref().and_then(|backends| backends.pooled(&client));
                backend.iter().for_each(|backend| backend.is_for(meter.site()));
                Ok(Lease::new(client, Arc::clone(&self.session), self.tls.clone(), backend, turn))
            }
            Ok(Err(PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)))) => {
                Err(unconnected(error))
            }
            Ok(Err(PoolError::Timeout(_))) | Err(_) => Err(full),
            Ok(Err(error)) => Err(DriverError::Unavailable(Source::new(error.to_string()))),
        }
    }
}
