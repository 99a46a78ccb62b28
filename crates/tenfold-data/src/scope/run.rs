//! How a scope runs statements: checked, counted, timed, reported to the observers, and watched for repeats.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use tracing::Instrument as _;

use super::asker::{Asker, Via};
use super::columns::add_columns;
use super::connection::Connection;
use super::deferred::DeferredRows;
use super::timed::{StatementTime, TimedCall};
use super::{RepeatCheck, Scope};
use crate::cache::RowCache;
use crate::driver::{Call, Deferred, DriverError, Params, Sink};
use crate::entity::Table;
use crate::error::DataError;
use crate::row::{ReadError, Row};
use crate::statement::{CallSite, Outcome, Statement, StatementCost, StatementRecord};
use crate::under_way::{DatabaseCall, OpenCall};
use crate::value::Value;
use crate::waited::WaitMeter;

impl Scope {
    /// Runs a statement and reads its rows.
    pub(crate) async fn fetch<T: Send>(
        &self,
        asker: &Asker,
        statement: &Statement,
        params: &[Value],
        mut read: impl FnMut(&Row<'_>) -> Result<T, ReadError> + Send,
    ) -> Result<Vec<T>, DataError> {
        let mut rows = Vec::with_capacity(expected_rows(statement, params));
        let mut sink = |row: &Row<'_>| {
            rows.push(read(row)?);
            Ok(())
        };
        if asker.repeats == RepeatCheck::Counted {
            self.count_read(statement, params, asker.site);
        }
        if let Some(connection) = &asker.connection {
            self.run_deferred(connection).await?;
        }
        self.run(asker.via(), statement, Params::One(params), &mut sink).await?;
        Ok(rows)
    }

    /// Runs a statement that changes rows. Returns how many.
    pub(crate) async fn execute(
        &self,
        asker: &Asker,
        statement: &Statement,
        params: Params<'_>,
    ) -> Result<u64, DataError> {
        if asker.repeats == RepeatCheck::Counted {
            self.count_write(statement, params, asker.site);
        }
        if let Some(connection) = &asker.connection {
            self.run_deferred(connection).await?;
        }
        self.run(asker.via(), statement, params, &mut |_| Ok(())).await
    }

    /// Keeps a row to be stored before the next statement of its transaction, or with COMMIT.
    pub(crate) fn insert_deferred(
        &self,
        asker: &Asker,
        table: &'static Table,
        row: Vec<Value>,
    ) -> Result<(), DataError> {
        let statement = table.insert_statement();
        self.admit(statement, Params::One(&row), asker.site)?;
        if asker.repeats == RepeatCheck::Counted {
            self.count_write(statement, Params::One(&row), asker.site);
        }
        let connection = asker.connection.as_ref().expect("a write has a transaction");
        connection.add_deferred(DeferredRows::one(table, row, asker.tenant, asker.site));
        Ok(())
    }

    /// Runs the statements that were deferred to the next one.
    async fn run_deferred(&self, connection: &Connection) -> Result<(), DataError> {
        for Deferred { statement, sets, tenant, site, .. } in
            connection.take_deferred(self.database.dialect())
        {
            let via = Via { tenant, connection: Some(connection), site };
            self.run(via, statement, Params::of(&sets), &mut |_| Ok(())).await?;
        }
        Ok(())
    }

    /// The checks that every statement must pass before it is sent, now or with COMMIT.
    fn admit(&self, statement: &Statement, params: Params<'_>, site: CallSite) -> Result<(), DataError> {
        params.check(statement)?;
        match statement.global {
            Some(table) => self.database.owned().refuse(table, &statement.name, site),
            None => Ok(()),
        }
    }

    async fn run(
        &self,
        via: Via<'_>,
        statement: &Statement,
        params: Params<'_>,
        sink: Sink<'_>,
    ) -> Result<u64, DataError> {
        let Via { tenant, connection, site } = via;
        self.admit(statement, params, site)?;
        let dialect = self.database.dialect();
        let span = tracing::debug_span!(
            "db.query",
            db.system.name = dialect.system_name(),
            db.query.summary = &*statement.name,
            db.query.text = &*statement.text,
            code.file.path = site.file(),
            code.line.number = site.line(),
            tenfold.module = statement.module,
        );
        // Held until the error is explained as well, which may query the catalog.
        let _under_way = connection.map(Connection::occupy);
        let call = DatabaseCall::Statement(statement.name.clone());
        let is_beside = connection.is_none() && self.holds_transaction();
        let meter = if is_beside { WaitMeter::beside_transaction() } else { WaitMeter::default() };
        let sent = self.begin_call(call, site, meter, |took| {
            self.record(statement, site, took, StatementEnd::GivenUp);
        });
        let call = Call { statement, params, tenant, deadline: self.deadline, sink };
        let result = match connection {
            Some(connection) => connection.run(call, sent.meter()).instrument(span).await,
            None => self.database.driver().run_metered(call, sent.meter()).instrument(span).await,
        };
        let end = result.as_ref().map_or(StatementEnd::Failed, |rows| StatementEnd::Answered(*rows));
        self.record(statement, site, sent.end(), end);
        match result {
            Ok(rows) => Ok(rows),
            // Boxed, because inline this rare path would make every future a quarter larger.
            Err(error) => Err(Box::pin(self.explain(connection, statement, site, error)).await),
        }
    }

    /// Something is sent to the database now. `given_up` is told if it is dropped before it has ended.
    pub(super) fn begin_call<G: FnOnce(StatementTime)>(
        &self,
        call: DatabaseCall,
        site: CallSite,
        meter: WaitMeter,
        given_up: G,
    ) -> TimedCall<'_, G> {
        let call = OpenCall::now(self.trace.span_id, call, site, meter);
        TimedCall::begin(self.database.calls_under_way(), call, given_up)
    }

    /// Explains an error of a statement. The statement ran in the transaction on `connection`, if it is still open.
    pub(super) async fn explain(
        &self,
        connection: Option<&Connection>,
        statement: &Statement,
        site: CallSite,
        error: DriverError,
    ) -> DataError {
        let error = add_columns(&self.database, connection, statement, self.deadline, error).await;
        error.at(&statement.name, site)
    }

    /// The cache, if it may answer a load for `asker`. A transaction reads for itself: what it reads decides what it writes.
    /// What is read beside it must wait for nobody who may wait for it.
    pub(crate) fn cache_for(&self, asker: &Asker) -> Option<&Arc<RowCache>> {
        let is_free =
            asker.connection.is_none() && !self.reads_past_cache() && self.state().open_transaction.is_none();
        self.database.cache().filter(|_| is_free)
    }

    /// Notes the tables that this text names, if they are noted.
    pub(crate) fn note_named(&self, text: &str) {
        if let Some(tables) = self.tables.get() {
            let mut tables = tables.lock().unwrap_or_else(PoisonError::into_inner);
            self.database.known_tables().add_named(text, &mut tables);
        }
    }

    /// Counts a statement that has run, and tells the observers.
    pub(super) fn record(
        &self,
        statement: &Statement,
        site: CallSite,
        took: StatementTime,
        end: StatementEnd,
    ) {
        let StatementTime { elapsed, waits } = took;
        self.statements.fetch_add(1, Ordering::Relaxed);
        let nanos = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        self.database_nanos.fetch_add(nanos, Ordering::Relaxed);
        self.note_named(&statement.text);
        if self.database.observers().is_empty() {
            return;
        }
        let record = StatementRecord {
            name: statement.name.clone(),
            module: statement.module,
            text: statement.text.clone(),
            trace: self.trace,
            dialect: self.database.dialect(),
            site,
            elapsed,
            waits,
            rows: end.rows(),
            said: statement.is_authors.then(|| statement.said.clone()),
            outcome: end.outcome(),
            by_key: statement.cost == StatementCost::Key,
        };
        for observer in self.database.observers() {
            observer.statement(&record);
        }
    }
}

/// How a statement ended.
#[derive(Clone, Copy)]
pub(super) enum StatementEnd {
    /// With so many rows.
    Answered(u64),
    Failed,
    GivenUp,
}

impl StatementEnd {
    fn rows(self) -> u64 {
        match self {
            StatementEnd::Answered(rows) => rows,
            StatementEnd::Failed | StatementEnd::GivenUp => 0,
        }
    }

    fn outcome(self) -> Outcome {
        match self {
            StatementEnd::Answered(_) => Outcome::Ok,
            StatementEnd::Failed => Outcome::Failed,
            StatementEnd::GivenUp => Outcome::GivenUp,
        }
    }
}

/// How many rows to allocate for at first: one for each key of a load by keys, and those of a short page.
fn expected_rows(statement: &Statement, params: &[Value]) -> usize {
    match params.last() {
        Some(Value::List(keys)) if matches!(statement.cost, StatementCost::Key | StatementCost::Keys) => {
            keys.len()
        }
        Some(_) if statement.cost == StatementCost::Key => 1,
        Some(Value::Integer(most)) if statement.cost == StatementCost::Page => {
            usize::try_from(*most).map_or(0, |most| most.min(50))
        }
        _ => 0,
    }
}
