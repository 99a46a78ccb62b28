//! How a scope runs one statement: counted, timed, told to the observers, and watched for repeats.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tracing::Instrument as _;

use super::columns::add_columns;
use super::{Scope, Watch};
use crate::driver::{Call, DriverError, Late, Params, Sink};
use crate::error::DataError;
use crate::row::{ReadError, Row};
use crate::scope::Connection;
use crate::statement::{CallSite, Cost, Outcome, Statement, StatementRecord};
use crate::value::Value;

impl Scope {
    /// Runs a statement and reads its rows.
    pub(crate) async fn fetch<T: Send>(
        &self,
        connection: Option<&Connection>,
        statement: &Statement,
        params: &[Value],
        (site, watch): (CallSite, Watch),
        mut read: impl FnMut(&Row<'_>) -> Result<T, ReadError> + Send,
    ) -> Result<Vec<T>, DataError> {
        let mut rows = Vec::with_capacity(expected_rows(statement, params));
        let mut sink = |row: &Row<'_>| {
            rows.push(read(row)?);
            Ok(())
        };
        if watch == Watch::Repeats {
            self.watch(statement, params, site);
        }
        if let Some(connection) = connection {
            self.run_late(connection).await?;
        }
        self.run(connection, statement, Params::One(params), site, &mut sink).await?;
        Ok(rows)
    }

    /// Runs a statement that changes rows, and says how many.
    pub(crate) async fn execute(
        &self,
        connection: &Connection,
        statement: &Statement,
        params: Params<'_>,
        (site, watch): (CallSite, Watch),
    ) -> Result<u64, DataError> {
        if watch == Watch::Repeats {
            self.watch_write(statement, params, site);
        }
        self.run_late(connection).await?;
        self.run(Some(connection), statement, params, site, &mut |_| Ok(())).await
    }

    /// Lets a statement that changes rows run before the next one of its transaction, or with COMMIT.
    pub(crate) fn execute_late(
        &self,
        connection: &Connection,
        late: Late,
        watch: Watch,
    ) -> Result<(), DataError> {
        let params = Params::One(&late.params);
        params.check(late.statement)?;
        if watch == Watch::Repeats {
            self.watch_write(late.statement, params, late.site);
        }
        connection.add_late(late);
        Ok(())
    }

    /// Runs what was to run before the next statement.
    async fn run_late(&self, connection: &Connection) -> Result<(), DataError> {
        for Late { statement, params, site } in connection.take_late() {
            self.run(Some(connection), statement, Params::One(&params), site, &mut |_| Ok(())).await?;
        }
        Ok(())
    }

    async fn run(
        &self,
        connection: Option<&Connection>,
        statement: &Statement,
        params: Params<'_>,
        site: CallSite,
        sink: Sink<'_>,
    ) -> Result<u64, DataError> {
        params.check(statement)?;
        if let Some(table) = statement.global {
            self.database.owned().refuse(table, &statement.name, site)?;
        }
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
        // Until the error is explained as well, for which the catalog may be asked.
        let _under_way = connection.map(Connection::occupy);
        let started = std::time::Instant::now();
        let call = Call { statement, params, deadline: self.deadline, sink };
        let result = match connection {
            Some(connection) => connection.run(call).instrument(span).await,
            None => self.database.driver().run(call).instrument(span).await,
        };
        let rows = result.as_ref().ok().copied();
        self.record(statement, site, started.elapsed(), rows);
        match result {
            Ok(rows) => Ok(rows),
            // Apart, since what is seldom needed would make every future larger by a quarter.
            Err(error) => Err(Box::pin(self.explain(connection, statement, site, error)).await),
        }
    }

    /// An error of a statement that ran in the transaction on `connection`, if it is not over already.
    pub(crate) async fn explain(
        &self,
        connection: Option<&Connection>,
        statement: &Statement,
        site: CallSite,
        error: DriverError,
    ) -> DataError {
        let error = add_columns(&self.database, connection, statement, self.deadline, error).await;
        error.at(&statement.name, site)
    }

    /// Counts a statement that has run, and tells the observers; without `rows` it failed.
    pub(crate) fn record(&self, statement: &Statement, site: CallSite, elapsed: Duration, rows: Option<u64>) {
        self.statements.fetch_add(1, Ordering::Relaxed);
        let nanos = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        self.database_nanos.fetch_add(nanos, Ordering::Relaxed);
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
            rows: rows.unwrap_or_default(),
            outcome: if rows.is_some() { Outcome::Ok } else { Outcome::Failed },
        };
        for observer in self.database.observers() {
            observer.statement(&record);
        }
    }
}

/// For how many rows there is room at first: one for each key of a load by keys, and those of a short page.
fn expected_rows(statement: &Statement, params: &[Value]) -> usize {
    match params.last() {
        Some(Value::List(keys)) if matches!(statement.cost, Cost::Key | Cost::Keys) => keys.len(),
        Some(_) if statement.cost == Cost::Key => 1,
        Some(Value::Integer(most)) if statement.cost == Cost::Page => {
            usize::try_from(*most).map_or(0, |most| most.min(50))
        }
        _ => 0,
    }
}
