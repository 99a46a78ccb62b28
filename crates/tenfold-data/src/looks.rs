//! A look at the database that is a part of no request: plans, and the schema.

use std::panic::Location;
use std::time::Duration;

use tokio::time::Instant;

use crate::database::Database;
use crate::driver::{DatabaseLook, PlanRequest};
use crate::error::DataError;

impl Database {
    /// Asks the database how it would run these statements, and for its tables and indexes. Nothing is run and no value is sent. It
    /// opens a connection of its own and closes it, so no request waits for it, and observers are not told.
    ///
    /// A plan of SQLite is that of `EXPLAIN QUERY PLAN`. A plan of PostgreSQL is the generic one without costs: the same text as
    /// long as the same steps are chosen. A statement may run with another one, which the server made for its values.
    ///
    /// It ends after `limit` at the latest, with what PostgreSQL has told by then.
    ///
    /// # Errors
    /// [`DataError::Unavailable`], [`DataError::Deadline`] if nothing came in time, and what else the driver says. A statement that cannot be
    /// planned is no error, and neither is one part that PostgreSQL refuses, such as the schema while a table is being altered.
    pub async fn look(&self, wanted: &[PlanRequest], limit: Duration) -> Result<DatabaseLook, DataError> {
        let looked = self.driver().look(wanted, Instant::now() + limit).await;
        looked.map_err(|error| error.at("database.look", Location::caller()))
    }
}
