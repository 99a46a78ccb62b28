//! A pooled connection while somebody has it to himself, and a transaction on it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deadpool_postgres::Object;
use futures_util::future::{BoxFuture, join3};
use tokio::time::Instant;
use tokio_postgres::NoTls;

use super::super::{Call, DriverTransaction, before};
use super::wall::{self, Session};
use super::{classify, run_prepared, run_typed};
use crate::entity::OrgId;
use crate::error::{DriverError, Source};

/// How long the server may take to hear that a statement is not wanted any more.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(2);

/// A connection of one's own. If it is dropped in the middle of a statement, the statement is cancelled and
/// the connection closed: the next user must not find somebody else's work on it.
pub(super) struct Lease {
    client: Option<Object>,
    session: Arc<Session>,
    busy: AtomicBool,
    /// Its transaction was given up in the middle of a statement.
    given_up: AtomicBool,
}

impl Lease {
    pub(super) fn new(client: Object, session: Arc<Session>) -> Self {
        Lease {
            client: Some(client),
            session,
            busy: AtomicBool::new(false),
            given_up: AtomicBool::new(false),
        }
    }

    fn client(&self) -> &Object {
        self.client.as_ref().expect("a lease has its connection until it is dropped")
    }

    /// Notes that the connection is in the middle of something until the result is known.
    async fn occupied<T>(
        &self,
        work: impl Future<Output = Result<T, DriverError>>,
    ) -> Result<T, DriverError> {
        self.busy.store(true, Ordering::Release);
        let result = work.await;
        // A statement that ran into its deadline is still running over there.
        self.busy.store(matches!(result, Err(DriverError::Deadline)), Ordering::Release);
        result
    }

    /// Runs a statement outside a transaction.
    ///
    /// A text by its author that acts for an organization gets a transaction of its own, in which nothing else is
    /// there; so does everything behind a pooler, which keeps no settings for us.
    pub(super) async fn run(&self, call: Call<'_>) -> Result<u64, DriverError> {
        match (&*self.session, call.statement.within) {
            (Session::Own, None) => self.send(call, None).await,
            (session, within) => {
                let begin = session.begin_reading(within, call.deadline);
                self.send(call, Some((&begin, "COMMIT"))).await
            }
        }
    }

    /// Sends a statement, and what goes before and behind it in the same round trip.
    async fn send(&self, call: Call<'_>, around: Option<(&str, &str)>) -> Result<u64, DriverError> {
        let deadline = call.deadline;
        let work = async {
            let client = self.client();
            let prepared = match &*self.session {
                Session::Own => Some(client.prepare_cached(&call.statement.text).await.map_err(classify)?),
                Session::Shared { .. } => None,
            };
            let run = async {
                match &prepared {
                    Some(prepared) => run_prepared(client, prepared, call).await,
                    None => run_typed(client, call).await,
                }
            };
            let Some((before, behind)) = around else { return run.await };
            // Each is on its way when it is polled first, so the server has all three before it answers one.
            let all = join3(client.batch_execute(before), run, client.batch_execute(behind)).await;
            let (before, result, behind) = all;
            before.map_err(classify)?;
            let count = result?;
            behind.map_err(classify).map(|()| count)
        };
        self.occupied(before(deadline, work)).await
    }

    /// Prepares a text, and says how many parameters it has.
    pub(super) async fn check(&self, text: &str) -> Result<usize, DriverError> {
        let prepared = self.occupied(async { self.client().prepare(text).await.map_err(classify) }).await?;
        Ok(prepared.params().len())
    }

    pub(super) async fn script(&self, sql: &str) -> Result<(), DriverError> {
        self.occupied(async { self.client().batch_execute(sql).await.map_err(classify) }).await
    }
}

impl Lease {
    /// Runs one statement without bounds and without a transaction; the connection is closed behind it, since its
    /// settings are not those of the pool any more.
    pub(super) async fn alone(mut self, sql: &str) -> Result<(), DriverError> {
        if let Session::Own = &*self.session {
            self.script(
                "SET default_transaction_read_only = off; SET statement_timeout = 0; SET lock_timeout = 0",
            )
            .await?;
        }
        self.script(sql).await?;
        drop(self.client.take().map(Object::take));
        Ok(())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !*self.busy.get_mut() && !*self.given_up.get_mut() {
            return;
        }
        let Some(client) = self.client.take().map(Object::take) else { return };
        if let Session::Shared { .. } = &*self.session {
            // pgbouncer up to 1.20 dies of a cancel request that does not wait for its answer (pgbouncer#801). The
            // statement ends at its own bound, see `Session::begin`.
            return;
        }
        let cancel = client.cancel_token();
        drop(client);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                // If the server does not hear it, statement_timeout ends the statement instead.
                let _ = tokio::time::timeout(CANCEL_TIMEOUT, cancel.cancel_query(NoTls)).await;
            });
        }
    }
}

/// BEGIN READ WRITE … COMMIT on a leased connection, which otherwise only reads.
pub(super) struct PostgresTransaction {
    /// A statement under way keeps it beside.
    lease: Mutex<Option<Arc<Lease>>>,
    /// The organization that all of it is held to.
    org: Option<OrgId>,
}

impl PostgresTransaction {
    pub(super) async fn begin(
        lease: Lease,
        org: Option<OrgId>,
        deadline: Option<Instant>,
    ) -> Result<Self, DriverError> {
        lease.script(&lease.session.begin_writing(org, deadline)).await?;
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
            match call.statement.within.filter(|org| self.org != Some(*org)) {
                Some(org) => {
                    let (narrow, widen) = (wall::narrow(org), wall::widen());
                    lease.send(call, Some((&narrow, &widen))).await
                }
                None => lease.send(call, None).await,
            }
        })
    }

    fn script<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<(), DriverError>> {
        Box::pin(async move { self.lease()?.script(sql).await })
    }

    fn commit(&self) -> BoxFuture<'_, Result<(), DriverError>> {
        Box::pin(async move {
            let lease = self.take().and_then(Arc::into_inner).ok_or_else(ended)?;
            let result = lease.script("COMMIT").await;
            if result.is_err() {
                roll_back(lease);
            }
            result.map_err(|error| match error {
                DriverError::Unavailable(source) => DriverError::OutcomeUnknown(source),
                error => error,
            })
        })
    }

    fn give_up(&self) -> bool {
        match self.take().map(Arc::try_unwrap) {
            Some(Ok(lease)) => roll_back(lease),
            // Whoever drops it last closes the connection: the statement's future, or this.
            Some(Err(shared)) => shared.given_up.store(true, Ordering::Release),
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

/// Ends the transaction on a connection, which goes back to the pool when that has come through.
fn roll_back(mut lease: Lease) {
    if *lease.busy.get_mut() {
        // A ROLLBACK would wait for the statement that nobody wants any more. Dropping the lease cancels it
        // and closes the connection, which rolls back as well.
        return;
    }
    let Ok(runtime) = tokio::runtime::Handle::try_current() else {
        // Nothing can be sent from here, and the pool must not get a connection with an open transaction.
        *lease.busy.get_mut() = true;
        return;
    };
    runtime.spawn(async move {
        // `script` marks the lease busy, so a ROLLBACK that does not come through closes the connection.
        let rolled_back = tokio::time::timeout(CANCEL_TIMEOUT, lease.script("ROLLBACK")).await;
        if !matches!(rolled_back, Ok(Ok(()))) {
            tracing::warn!(
                "a transaction could not be rolled back in time; its connection is closed instead"
            );
        }
    });
}
