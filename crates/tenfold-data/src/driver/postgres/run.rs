//! Runs a statement on a connection, and passes its rows on.

use futures_util::{TryStreamExt as _, pin_mut};
use tokio_postgres::{Client, RowStream, Statement as Prepared};

use super::encode;
use super::refusal::classify;
use crate::driver::{Call, DriverError, Params, Sink};
use crate::error::Source;
use crate::row::{Row, RowSource};

/// Runs a prepared statement and passes its rows to the sink.
pub(super) async fn run_prepared(
    client: &Client,
    prepared: &Prepared,
    call: Call<'_>,
) -> Result<u64, DriverError> {
    let Params::One(params) = call.params else { unreachable!("PostgreSQL takes many rows as arrays") };
    read_rows(client.query_raw(prepared, params).await, call.sink).await
}

/// Runs an unnamed statement in one round trip, which a pooler can pass on.
pub(super) async fn run_typed(client: &Client, call: Call<'_>) -> Result<u64, DriverError> {
    let Params::One(params) = call.params else { unreachable!("PostgreSQL takes many rows as arrays") };
    // The server accepts a typed value that the text does not use. For the author it is a mistake.
    if !params.is_empty() && !call.statement.text.contains(&format!("${}", params.len())) {
        let why = format!("{} values were given, and the text has no ${0}: each value is used", params.len());
        return Err(DriverError::Other(Source::new(why)));
    }
    let typed = params.iter().map(|value| (value, encode::type_of(value)));
    read_rows(client.query_typed_raw(&call.statement.text, typed).await, call.sink).await
}

async fn read_rows(
    rows: Result<RowStream, tokio_postgres::Error>,
    sink: Sink<'_>,
) -> Result<u64, DriverError> {
    let rows = rows.map_err(classify)?;
    pin_mut!(rows);
    let mut count = 0;
    while let Some(row) = rows.try_next().await.map_err(classify)? {
        sink(&Row(RowSource::Postgres(&row))).map_err(DriverError::Read)?;
        count += 1;
    }
    Ok(rows.rows_affected().unwrap_or(count))
}
