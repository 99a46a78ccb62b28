//! Refuses connections to a standby.
//!
//! An address may name several hosts, or move from one to another. A standby lags behind, and each connection is opened by itself: one
//! that reads from a standby would show, and keep in the cache, what a commit that all others have seen has changed.
//! `target_session_attrs` cannot say this, because our sessions begin read-only on the primary too. A primary becomes a standby
//! only by a restart, which closes its connections.

use std::sync::Arc;

use deadpool_postgres::{Hook, HookError};
use tokio_postgres::SimpleQueryMessage;

use super::backends::Backends;
use super::connect::ConnectionFuture;
use super::lock_watch;
use crate::driver::DriverError;
use crate::error::Source;

const REFUSED: &str = "the server is a standby, which lags behind; database.url must lead to the primary";

/// Refuses a new connection of the pool that leads to a standby. Another one is added to `backends`.
pub(super) fn refusing(backends: Option<Arc<Backends>>) -> Hook {
    Hook::async_fn(move |client, _| {
        let backends = backends.clone();
        Box::pin(async move {
            let asked = "SELECT pg_is_in_recovery(), pg_backend_pid()";
            let answer = client.simple_query(asked).await.map_err(HookError::Backend)?;
            let row = answer.iter().find_map(|part| match part {
                SimpleQueryMessage::Row(row) => Some((row.get(0) == Some("t"), row.get(1)?.parse().ok())),
                _ => None,
            });
            match (row, &backends) {
                (Some((true, _)), _) => return Err(HookError::message(REFUSED)),
                (Some((false, Some(pid))), Some(backends)) => {
                    backends.add_pooled(client, pid);
                    lock_watch::watch(backends);
                }
                _ => {}
            }
            Ok(())
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
