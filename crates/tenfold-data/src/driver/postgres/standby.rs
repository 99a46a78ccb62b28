//! Refuses connections to a standby.
//!
//! An address may name several hosts, or move from one to another. A standby lags behind, and each connection is opened by itself: one
//! that reads from a standby would show, and keep in the cache, what a commit that all others have seen has changed.
//! `target_session_attrs` cannot say this, because our sessions begin read-only on the primary too. A primary becomes a standby
//! only by a restart, which closes its connections.

use deadpool_postgres::{Hook, HookError};
use tokio_postgres::SimpleQueryMessage;

use super::lane::ConnectionFuture;
use crate::driver::DriverError;
use crate::error::Source;

const REFUSED: &str = "the server is a standby, which lags behind; database.url must lead to the primary";

/// Refuses a new connection of the pool that leads to a standby.
pub(super) fn refusing() -> Hook {
    Hook::async_fn(|client, _| {
        Box::pin(async move {
            let answer =
                client.simple_query("SELECT pg_is_in_recovery()").await.map_err(HookError::Backend)?;
            let is_standby = answer.iter().any(|part| match part {
                SimpleQueryMessage::Row(row) => row.get(0) == Some("t"),
                _ => false,
            });
            if is_standby { Err(HookError::message(REFUSED)) } else { Ok(()) }
        })
    })
}

/// Refuses a connection that leads to a standby. The server has said so when it was opened (PostgreSQL 14 and later).
pub(super) fn refuse(connection: &ConnectionFuture) -> Result<(), DriverError> {
    match connection.parameter("in_hot_standby") {
        Some("on") => Err(DriverError::Unavailable(Source::new(REFUSED))),
        _ => Ok(()),
    }
}
