//! Transactions: `cx.transaction(async |tx| …)`, on both databases the same.

mod bounded;

use std::future::Future;
use std::panic::Location;
use std::pin::pin;
use std::sync::Arc;

use uuid::Uuid;

use self::bounded::bounded;
use crate::clock::Timestamp;
use crate::context::{Caller, CallerOrigin, Context, Reach, SystemContext};
use crate::error::DataError;
use crate::feed::Topic;
use crate::ownership::{Global, OrgId, Ownership};
use crate::scope::{Connection, RepeatCheck, Scope};
use crate::statement::{Boundary, CallSite, Outcome};
use crate::trace::TraceContext;

/// One organization's part of an open transaction. Loads and writes through it run in the transaction, for that
/// organization.
pub struct Tx<'c> {
    scope: &'c Arc<Scope>,
    tenant: OrgId,
    connection: Arc<Connection>,
    repeats: RepeatCheck,
}

/// An open transaction of a [`SystemContext`]: global entities, and organizations by [`SystemTx::within`].
pub struct SystemTx<'c> {
    cx: &'c SystemContext,
    connection: Arc<Connection>,
    repeats: RepeatCheck,
}

impl Context {
    /// Runs `work` in a transaction and commits it when it returns `Ok`. An `Err` or a dropped request rolls back.
    ///
    /// When this returns `Ok` the transaction is durable. Inside, everything goes through `tx`, and `work` waits for
    /// nothing but the database, because other transactions wait for this one. It may stay open for
    /// [`transaction_limit`](crate::DatabaseSettings::transaction_limit). After that, `work` is dropped and nothing of
    /// it is stored.
    ///
    /// # Errors
    /// The work's own error, [`DataError::TransactionLimit`], or a [`DataError`] of beginning or committing.
    #[track_caller]
    pub fn transaction<T, E, F>(&self, work: F) -> impl Future<Output = Result<T, E>>
    where
        E: From<DataError>,
        F: AsyncFnOnce(&mut Tx<'_>) -> Result<T, E>,
    {
        let site = Location::caller();
        async move {
            let open = OpenTransaction::begin(self.scope(), Some(self.tenant()), site).await?;
            let connection = Arc::clone(&open.connection);
            let mut tx =
                Tx { scope: self.scope(), tenant: self.tenant(), connection, repeats: self.repeats() };
            let value = bounded(&open, pin!(work(&mut tx))).await?;
            drop(tx);
            open.commit().await?;
            Ok(value)
        }
    }
}

impl SystemContext {
    /// As [`Context::transaction`], for work that belongs to no single organization.
    ///
    /// # Errors
    /// As there.
    #[track_caller]
    pub fn transaction<T, E, F>(&self, work: F) -> impl Future<Output = Result<T, E>>
    where
        E: From<DataError>,
        F: AsyncFnOnce(&mut SystemTx<'_>) -> Result<T, E>,
    {
        let site = Location::caller();
        async move {
            let open = OpenTransaction::begin(self.scope(), None, site).await?;
            let connection = Arc::clone(&open.connection);
            let mut tx = SystemTx { cx: self, connection, repeats: self.repeats() };
            let value = bounded(&open, pin!(work(&mut tx))).await?;
            drop(tx);
            open.commit().await?;
            Ok(value)
        }
    }
}

/// A transaction between BEGIN and COMMIT; dropping it rolls back.
struct OpenTransaction {
    connection: Arc<Connection>,
    closing: Closing,
    site: CallSite,
}

/// Tells the scope that the transaction is no longer open, however it ended.
struct Closing(Arc<Scope>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.close_transaction();
    }
}

impl OpenTransaction {
    async fn begin(scope: &Arc<Scope>, org: Option<OrgId>, site: CallSite) -> Result<Self, DataError> {
        scope.open_transaction(site)?;
        let closing = Closing(Arc::clone(scope));
        let boundary = (Boundary::Begin, site);
        let beginning = scope.begin_opening(site);
        let begun = scope.database().driver().begin_metered(scope.deadline(), org, beginning.meter()).await;
        scope.record_boundary(boundary, beginning.end().into(), Outcome::of(&begun));
        let transaction = begun.map_err(|error| error.at(Boundary::Begin.name(), site))?;
        let connection = Connection::new(transaction, site, scope.database().transaction_limit());
        scope.hold(connection.state());
        Ok(OpenTransaction { connection: Arc::new(connection), closing, site })
    }

    async fn commit(self) -> Result<(), DataError> {
        let OpenTransaction { connection, closing, site } = self;
        // The scope is kept until the commit is reported.
        let scope = &closing.0;
        // A load that was submitted inside and not awaited must not run after the end. A load that was already sent
        // still holds the connection.
        scope.abandon(connection.number());
        let connection = Arc::into_inner(connection).ok_or(DataError::LoadNotAwaited { site })?;
        scope.commit(connection, site).await
    }
}

impl<'c> Tx<'c> {
    /// The same transaction, for statements that may repeat. The N+1 detector skips them, for the `reason` that the
    /// author gives.
    pub fn repeating(&self, reason: &'static str) -> Tx<'c> {
        let connection = Arc::clone(&self.connection);
        Tx { scope: self.scope, tenant: self.tenant, connection, repeats: RepeatCheck::unless(reason) }
    }

    /// The organization whose rows can be reached.
    pub fn tenant(&self) -> OrgId {
        self.tenant
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        self.scope.clock().now()
    }

    /// A new UUIDv7.
    pub fn new_id(&self) -> Uuid {
        self.scope.clock().new_id()
    }

    /// The trace that the transaction belongs to.
    pub fn trace(&self) -> TraceContext {
        self.scope.trace()
    }

    /// Says on the feed that something named changed, once the transaction commits: [`Topic::signal`]. What its
    /// statements change is said anyway.
    pub fn signal(&self, topic: Topic) {
        self.connection.writes().add_topic(topic);
    }

    /// As [`Database::companion`](crate::Database::companion).
    #[doc(hidden)]
    pub fn companion<T: std::any::Any + Send + Sync + Default>(&self) -> Arc<T> {
        self.scope.database().companion()
    }
}

impl<'c> SystemTx<'c> {
    /// The same transaction, for statements that may repeat. The N+1 detector skips them, for the `reason` that the
    /// author gives.
    pub fn repeating(&self, reason: &'static str) -> SystemTx<'c> {
        SystemTx {
            cx: self.cx,
            connection: Arc::clone(&self.connection),
            repeats: RepeatCheck::unless(reason),
        }
    }

    /// The same transaction, for the rows of one organization.
    pub fn within(&self, tenant: OrgId) -> Tx<'_> {
        Tx { scope: self.cx.scope(), tenant, connection: Arc::clone(&self.connection), repeats: self.repeats }
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        self.cx.now()
    }

    /// A new UUIDv7.
    pub fn new_id(&self) -> Uuid {
        self.cx.new_id()
    }

    /// The trace that the transaction belongs to.
    pub fn trace(&self) -> TraceContext {
        self.cx.scope().trace()
    }

    /// As [`Tx::signal`].
    pub fn signal(&self, topic: Topic) {
        self.connection.writes().add_topic(topic);
    }

    /// As [`Database::companion`](crate::Database::companion).
    #[doc(hidden)]
    pub fn companion<T: std::any::Any + Send + Sync + Default>(&self) -> Arc<T> {
        self.cx.scope().database().companion()
    }
}

impl<O: Ownership> Reach<O> for Tx<'_> {}
impl Reach<Global> for SystemTx<'_> {}

impl Caller for Tx<'_> {
    fn origin(&self) -> CallerOrigin<'_> {
        CallerOrigin {
            scope: self.scope,
            tenant: Some(self.tenant),
            connection: Some(&self.connection),
            repeats: self.repeats,
        }
    }
}

impl Caller for SystemTx<'_> {
    fn origin(&self) -> CallerOrigin<'_> {
        CallerOrigin {
            scope: self.cx.scope(),
            tenant: None,
            connection: Some(&self.connection),
            repeats: self.repeats,
        }
    }
}

/// A transaction that can write rows owned by `O`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot write rows owned by `{O}`",
    label = "a transaction for these rows is needed",
    note = "write inside `cx.transaction(async |tx| …)`; for an organization's rows from a `SystemContext`, use \
            `tx.within(organization)`"
)]
pub trait Write<O: Ownership>: Reach<O> {}

impl<O: Ownership> Write<O> for Tx<'_> {}
impl Write<Global> for SystemTx<'_> {}
