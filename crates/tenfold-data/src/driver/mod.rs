//! The narrow interface to a database: run a statement, open a transaction. Everything above it is the same for both.

mod error;
mod fair_permits;
mod leader;
mod look;
mod parameter;
pub(crate) mod postgres;
mod settings;
pub(crate) mod sqlite;
mod under_way;
mod unsettled;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::Instant;

pub(crate) use self::error::DriverError;
pub(crate) use self::leader::{Leader, LeaderEnd, start};
pub use self::look::{DatabaseLook, PlanRequest, SchemaItem, SchemaKind, TableActivity};
use self::parameter::column_of;
pub use self::settings::{Pooler, PostgresSettings, SqliteSettings};
pub(crate) use self::under_way::UnderWay;
pub(crate) use self::unsettled::{Announcement, CommitOutcome, Settle, Unsettled};
use crate::error::DataError;
use crate::ownership::OrgId;
use crate::row::{ReadError, Row};
use crate::statement::{CallSite, Dialect, Statement};
use crate::value::Value;
use crate::waited::{LockCounter, WaitMeter};

/// Receives each row while the statement runs. An error ends the statement.
pub(crate) type Sink<'a> = &'a mut (dyn FnMut(&Row<'_>) -> Result<(), ReadError> + Send);

/// One run of a statement.
pub(crate) struct Call<'a> {
    pub statement: &'a Statement,
    pub params: Params<'a>,
    /// The organization that the statement runs for.
    pub tenant: Option<OrgId>,
    /// The deadline for getting a connection and reading the rows.
    pub deadline: Option<Instant>,
    pub sink: Sink<'a>,
}

impl Call<'_> {
    /// The organization that row-level security must restrict the statement to. Set only for texts by an author, whose
    /// conditions the database cannot rely on.
    pub(crate) fn held_to(&self) -> Option<OrgId> {
        self.tenant.filter(|_| self.statement.is_authors)
    }
}

/// The parameters `$1, $2, …`.
#[derive(Clone, Copy)]
pub(crate) enum Params<'a> {
    One(&'a [Value]),
    /// Runs the text once for each set. SQLite only, where a run costs no round trip.
    Each(&'a [Vec<Value>]),
}

impl<'a> Params<'a> {
    pub(crate) fn of(sets: &'a [Vec<Value>]) -> Self {
        match sets {
            [one] => Params::One(one),
            each => Params::Each(each),
        }
    }

    /// Refuses values that one of the databases, or JSON, cannot store: a NUL character in text (22021 on PostgreSQL),
    /// NaN, which SQLite turns into NULL, and an infinity, which becomes `null` in JSON.
    pub(crate) fn check(&self, statement: &Statement) -> Result<(), DataError> {
        if self.hold_nul() {
            return Err(DataError::NulInText { statement: statement.name.to_string() });
        }
        match self.not_finite() {
            Some((number, value)) => Err(DataError::NotFinite {
                statement: statement.name.to_string(),
                column: column_of(&statement.text, number),
                value,
            }),
            None => Ok(()),
        }
    }

    /// A number that is not finite, and the parameter (from 1) that holds it.
    fn not_finite(&self) -> Option<(usize, f64)> {
        fn of(value: &Value) -> Option<f64> {
            match value {
                Value::Real(n) if !n.is_finite() => Some(*n),
                Value::List(values) => values.iter().find_map(of),
                _ => None,
            }
        }
        let in_set = |set: &[Value]| (1..).zip(set).find_map(|(number, value)| Some((number, of(value)?)));
        match self {
            Params::One(values) => in_set(values),
            Params::Each(sets) => sets.iter().find_map(|set| in_set(set)),
        }
    }

    /// The parameters of the first run.
    pub(crate) fn first(&self) -> &[Value] {
        match self {
            Params::One(values) => values,
            Params::Each(sets) => sets.first().map_or(&[], Vec::as_slice),
        }
    }

    /// How many rows the values are for. One run with lists, PostgreSQL's form, counts as many rows as the lists are
    /// long.
    pub(crate) fn rows(&self) -> usize {
        let length = |value: &Value| if let Value::List(values) = value { values.len() } else { 1 };
        match self {
            Params::One(values) => values.iter().map(length).max().unwrap_or(1),
            Params::Each(sets) => sets.len(),
        }
    }

    fn values(&self) -> impl Iterator<Item = &Value> {
        let (one, each): (&[Value], &[Vec<Value>]) = match self {
            Params::One(values) => (values, &[]),
            Params::Each(sets) => (&[], sets),
        };
        one.iter().chain(each.iter().flatten())
    }

    fn hold_nul(&self) -> bool {
        fn nul(value: &Value) -> bool {
            match value {
                Value::Text(text) => text.contains('\0'),
                Value::Json(json) => nul_in_json(json),
                Value::List(values) => values.iter().any(nul),
                _ => false,
            }
        }
        fn nul_in_json(json: &serde_json::Value) -> bool {
            match json {
                serde_json::Value::String(text) => text.contains('\0'),
                serde_json::Value::Array(values) => values.iter().any(nul_in_json),
                serde_json::Value::Object(fields) => {
                    fields.iter().any(|(name, value)| name.contains('\0') || nul_in_json(value))
                }
                _ => false,
            }
        }
        self.values().any(nul)
    }
}

/// A database.
pub(crate) trait Driver: Send + Sync {
    fn dialect(&self) -> Dialect;

    /// Runs a statement that reads. Returns how many rows it gave. `meter` is told what it waits for.
    fn run_metered<'a>(
        &'a self,
        call: Call<'a>,
        meter: &'a WaitMeter,
    ) -> BoxFuture<'a, Result<u64, DriverError>>;

    /// The same for statements that no request waits for.
    fn run<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<u64, DriverError>> {
        let Call { statement, params, tenant, deadline, sink } = call;
        Box::pin(async move {
            let meter = WaitMeter::default();
            let call = Call { statement, params, tenant, deadline, sink: &mut *sink };
            self.run_metered(call, &meter).await
        })
    }

    /// Opens a transaction on a connection of its own, once one is free. If an organization is given, a database that
    /// can (PostgreSQL) shows the transaction only this organization's rows. `meter` is told what it waits for.
    fn begin_metered<'a>(
        &'a self,
        deadline: Option<Instant>,
        org: Option<OrgId>,
        meter: &'a WaitMeter,
    ) -> BoxFuture<'a, Result<Arc<dyn DriverTransaction>, DriverError>>;

    /// The same for transactions that no request waits for.
    fn begin(
        &self,
        deadline: Option<Instant>,
        org: Option<OrgId>,
    ) -> BoxFuture<'_, Result<Arc<dyn DriverTransaction>, DriverError>> {
        Box::pin(async move {
            let meter = WaitMeter::default();
            self.begin_metered(deadline, org, &meter).await
        })
    }

    /// Runs one statement that may not run in a transaction, however long it takes: PostgreSQL's `… CONCURRENTLY`.
    fn outside<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<(), DriverError>>;

    /// Whether the database answers.
    fn ping(&self) -> BoxFuture<'_, Result<(), DriverError>>;

    /// Whether the database accepts a durable write. The write changes nothing.
    fn try_write(&self, deadline: Instant) -> BoxFuture<'_, Result<(), DriverError>>;

    /// Checks that the database could run a text, without running it. Returns how many parameters it has.
    fn check<'a>(&'a self, text: &'a str) -> BoxFuture<'a, Result<usize, DriverError>>;

    /// Asks for plans and the schema, on a connection that is opened for it and closed. Nothing is run. What came until the
    /// deadline is returned.
    fn look<'a>(
        &'a self,
        wanted: &'a [PlanRequest],
        deadline: Instant,
    ) -> BoxFuture<'a, Result<DatabaseLook, DriverError>>;

    /// Differs from the last one whenever anything was committed meanwhile, by any process. `None` where this is not
    /// known.
    fn commit_mark(&self) -> Option<Vec<u8>> {
        None
    }

    /// Ends background work after the last transaction is acknowledged.
    fn close(&self) -> BoxFuture<'_, ()>;
}

/// A statement whose result its author does not wait for. It runs before the next one of its transaction, or with
/// COMMIT.
pub(crate) struct Deferred {
    pub statement: &'static Statement,
    /// The statement runs once with each set of parameters. Only on SQLite are there several.
    pub sets: Vec<Vec<Value>>,
    /// How many rows it stores.
    pub rows: u64,
    /// The organization that the statement runs for.
    pub tenant: Option<OrgId>,
    pub site: CallSite,
}

/// Why a transaction was not committed.
pub(crate) struct NotCommitted {
    /// The index of the deferred statement that failed; `None` if the COMMIT failed.
    pub deferred: Option<usize>,
    pub error: DriverError,
}

impl From<DriverError> for NotCommitted {
    fn from(error: DriverError) -> Self {
        NotCommitted { deferred: None, error }
    }
}

/// An open transaction. Dropping it rolls back and returns the connection clean.
pub(crate) trait DriverTransaction: Send + Sync {
    /// Runs a statement that reads or writes. Returns how many rows it gave or changed.
    fn run<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<u64, DriverError>>;

    /// Runs a script of several statements: migrations.
    fn script<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<(), DriverError>>;

    /// Runs the deferred statements and commits, in one round trip where a round trip costs something. Returns how long
    /// each statement took, once the transaction is durable as far as the database is configured to be. Call it only
    /// once. `unsettled` is told the outcome before, and also if the future is dropped.
    fn commit_with(
        &self,
        deferred: Vec<Deferred>,
        unsettled: Unsettled,
    ) -> BoxFuture<'_, Result<Vec<Duration>, NotCommitted>>;

    /// Commits without deferred statements.
    fn commit(&self) -> BoxFuture<'_, Result<(), DriverError>> {
        Box::pin(async {
            let committed = self.commit_with(Vec::new(), Unsettled::nobody()).await;
            committed.map(drop).map_err(|failed| failed.error)
        })
    }

    /// How long its connection has waited for locks, where that is known.
    fn lock_counter(&self) -> Option<&Arc<LockCounter>> {
        None
    }

    /// Rolls back while others may still hold the transaction, and frees what it holds. Its statements fail from now
    /// on. Returns `false` while a statement runs that cannot be interrupted: call it again later.
    fn give_up(&self) -> bool;
}

/// Awaits `work` until the deadline.
pub(crate) async fn before<T>(
    deadline: Option<Instant>,
    work: impl Future<Output = Result<T, DriverError>>,
) -> Result<T, DriverError> {
    match deadline {
        Some(deadline) => tokio::time::timeout_at(deadline, work).await.unwrap_or(Err(DriverError::Deadline)),
        None => work.await,
    }
}
