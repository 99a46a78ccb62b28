//! Runs one statement of the feed. They belong to no request, so they are not counted.

use crate::database::Database;
use crate::driver::{Call, DriverError, DriverTransaction, Params, Sink};
use crate::statement::{Statement, StatementCost};
use crate::value::Value;

/// Reads outside a transaction: by an index, and few rows.
pub(super) async fn send(
    database: &Database,
    text: &'static str,
    params: &[Value],
    sink: Sink<'_>,
) -> Result<u64, DriverError> {
    let statement = Statement::new("tenfold.feed", "tenfold", text, StatementCost::Key);
    database.driver().run(call(&statement, params, sink)).await
}

/// Reads or writes in a transaction.
pub(super) async fn send_in(
    transaction: &dyn DriverTransaction,
    text: &'static str,
    params: &[Value],
    sink: Sink<'_>,
) -> Result<u64, DriverError> {
    let statement = Statement::new("tenfold.feed", "tenfold", text, StatementCost::Free);
    transaction.run(call(&statement, params, sink)).await
}

fn call<'a>(statement: &'a Statement, params: &'a [Value], sink: Sink<'a>) -> Call<'a> {
    Call { statement, params: Params::One(params), tenant: None, deadline: None, sink }
}
