//! PostgreSQL: shared lanes for key loads, a pool for everything else.
//!
//! Loads by key are short and bounded. Many of them share a few connections and are pipelined, so none waits for the
//! round trip of another. One whose table is locked goes to a lane aside. Lists, author's SQL and transactions take a
//! connection of their own, so that a slow one delays no other.

mod backends;
mod columns;
mod committing;
mod connect;
mod encode;
mod lane;
mod lanes;
mod lease;
mod leases;
mod lock_watch;
mod look;
mod refusal;
mod rls;
mod roll_back;
mod run;
mod standby;
mod tls;
mod transaction;

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use futures_util::future::BoxFuture;
use tokio::time::Instant;

use self::backends::Backends;
use self::lane::Lane;
use self::lanes::Lanes;
use self::leases::Leases;
use self::look::LookConnection;
use self::rls::SessionSettings;
use self::tls::PostgresAddress;
use self::transaction::PostgresTransaction;
use super::{Call, DatabaseLook, Driver, DriverTransaction, PlanRequest, before};
use crate::driver::fair_permits::FairPermits;
use crate::driver::{DriverError, Pooler, PostgresSettings};
use crate::error::DataError;
use crate::ownership::OrgId;
use crate::statement::{Dialect, StatementCost};
use crate::waited::WaitMeter;

/// Loads by one key, or by a few one after the other, reuse the generic plan of their text. Planning takes longer than
/// running them, and the plan is always the index of the key. Sequential scans are off, because a plan may date from
/// when the table was empty. JIT is off too: where there is no index, for a reason, the scan's penalty cost would
/// trigger it.
const ONE_PLAN: &str = "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c jit=off";
/// A load by many keys is planned for those keys. The generic plan for a list of any length may be one for small
/// organizations, which scans all their rows, and the next load may be for a large one.
const OWN_PLAN: &str = "-c plan_cache_mode=force_custom_plan";

/// What was sent may stay unacknowledged for so long after the longest statement.
const VANISHED_AFTER: Duration = Duration::from_secs(5);

/// A PostgreSQL database.
pub(crate) struct Postgres {
    /// For loads by one key, or by a few.
    narrow: Lanes,
    /// For loads by many keys.
    wide: Lanes,
    leases: Arc<Leases>,
    /// For plans and the schema.
    looking: LookConnection,
}

impl Postgres {
    /// Reads the address from the setting `key`. Connections are opened on first use.
    pub(crate) fn new(key: &str, url: &str, settings: &PostgresSettings) -> Result<Self, DataError> {
        let PostgresAddress { mut config, tls } = tls::read(key, url)?;
        config.connect_timeout(settings.connect_timeout);
        // A lane or a poll would wait for a quarter of an hour for a server that vanished. One that runs a statement may read
        // nothing until that ends.
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(settings.statement_timeout + VANISHED_AFTER);
        }
        // A pooler refuses connection settings, because it gives each transaction another connection.
        if settings.pooler == Pooler::None {
            let bounds = SessionSettings::options(settings);
            let options = config.get_options().map_or(bounds.clone(), |own| format!("{bounds} {own}"));
            config.options(options);
        }
        if config.get_application_name().is_none() {
            config.application_name("tenfold");
        }
        let session = Arc::new(SessionSettings::new(settings));
        // Behind a pooler it is not known which process serves a connection.
        let backends = session.is_own().then(|| Backends::new(config.clone(), tls.clone()));
        let manager = Manager::from_config(
            config.clone(),
            tls.clone(),
            ManagerConfig { recycling_method: RecyclingMethod::Fast },
        );
        let pool = Pool::builder(manager)
            .max_size(settings.pool_size)
            .post_create(standby::refusing(backends.clone()))
            .build()
            .map_err(|error| DataError::Settings(format!("database.pool_size cannot be used: {error}")))?;
        let lanes = |plan: &str| {
            let mut config = config.clone();
            config.options(format!("{plan} {}", config.get_options().unwrap_or_default()));
            let open = |config| Arc::new(Lane::new(config, tls.clone(), backends.clone()));
            Lanes::new(&config, settings, open)
        };
        let (narrow, wide) = (lanes(ONE_PLAN), lanes(OWN_PLAN));
        let acquire_timeout = settings.acquire_timeout;
        let looking = LookConnection::new(&config, &tls, &session);
        let turns = FairPermits::new(settings.pool_size);
        let leases = Arc::new(Leases { pool, turns, acquire_timeout, session, tls, backends });
        Ok(Postgres { narrow, wide, leases, looking })
    }
}

impl Driver for Postgres {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn run_metered<'a>(
        &'a self,
        call: Call<'a>,
        meter: &'a WaitMeter,
    ) -> BoxFuture<'a, Result<u64, DriverError>> {
        match call.statement.cost {
            // Behind a pooler a load needs a transaction, and a shared connection can hold only one.
            StatementCost::Key if self.leases.session.is_own() => Box::pin(self.narrow.run(call, meter)),
            StatementCost::Keys if self.leases.session.is_own() => Box::pin(self.wide.run(call, meter)),
            _ => Box::pin(async move {
                let lease = self.leases.lease_metered(call.tenant, call.deadline, meter).await?;
                lease.run(call, meter).await
            }),
        }
    }

    fn begin_metered<'a>(
        &'a self,
        deadline: Option<Instant>,
        org: Option<OrgId>,
        meter: &'a WaitMeter,
    ) -> BoxFuture<'a, Result<Arc<dyn DriverTransaction>, DriverError>> {
        Box::pin(async move {
            let lease = self.leases.lease_metered(org, deadline, meter).await?;
            let begun = PostgresTransaction::begin(Arc::clone(&self.leases), lease, org, deadline);
            let transaction = before(deadline, begun).await?;
            Ok(Arc::new(transaction) as Arc<dyn DriverTransaction>)
        })
    }

    fn outside<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<(), DriverError>> {
        Box::pin(async move { self.leases.lease(None).await?.alone(sql).await })
    }

    fn ping(&self) -> BoxFuture<'_, Result<(), DriverError>> {
        Box::pin(async move {
            let lease = self.leases.lease(Some(Instant::now() + Duration::from_secs(2))).await?;
            before(Some(Instant::now() + Duration::from_secs(2)), lease.script("SELECT 1")).await
        })
    }

    /// Writes a message to the server's WAL, which has no reader. It needs no table and no privilege, and COMMIT waits
    /// until it is on the disk. A read-only server, such as a standby, refuses the transaction.
    fn try_write(&self, deadline: Instant) -> BoxFuture<'_, Result<(), DriverError>> {
        Box::pin(before(Some(deadline), async move {
            let transaction = self.begin(Some(deadline), None).await?;
            transaction.script("SELECT pg_logical_emit_message(true, 'tenfold.readiness', '')").await?;
            transaction.commit().await
        }))
    }

    fn check<'a>(&'a self, text: &'a str) -> BoxFuture<'a, Result<usize, DriverError>> {
        Box::pin(async move { self.leases.lease(None).await?.check(text).await })
    }

    fn look<'a>(
        &'a self,
        wanted: &'a [PlanRequest],
        deadline: Instant,
    ) -> BoxFuture<'a, Result<DatabaseLook, DriverError>> {
        Box::pin(self.looking.look(wanted, deadline))
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.leases.close();
            self.leases.backends.iter().for_each(|backends| backends.close());
        })
    }
}
