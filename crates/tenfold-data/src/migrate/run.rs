//! Runs one statement of a migration.

use crate::driver::{Call, DriverError, DriverTransaction, Params};
use crate::row::Row;
use crate::statement::{Statement, StatementCost};
use crate::value::Value;

/// Returns the first column of the rows, as text.
pub(super) async fn run(
    transaction: &dyn DriverTransaction,
    name: &'static str,
    text: &'static str,
    params: &[Value],
) -> Result<Vec<String>, DriverError> {
    let mut found = Vec::new();
    let statement = Statement::new(name, "tenfold", text, StatementCost::Free);
    let mut sink = |row: &Row<'_>| {
        found.push(row.text(0)?);
        Ok(())
    };
    let call = Call {
        statement: &statement,
        params: Params::One(params),
        tenant: None,
        deadline: None,
        sink: &mut sink,
    };
    transaction.run(call).await?;
    Ok(found)
}
