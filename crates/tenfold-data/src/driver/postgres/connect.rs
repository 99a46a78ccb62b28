//! Opens a connection to the server.

use tokio::time::Instant;
use tokio_postgres::{Client, Config, Socket};

use super::super::before;
use super::refusal::unconnected;
use super::tls::{Tls, TlsStream};
use crate::driver::DriverError;
use crate::error::Source;

/// The future that must be polled for a client to make progress.
pub(super) type ConnectionFuture = tokio_postgres::Connection<Socket, TlsStream>;

/// Opens a connection. The client bounds how long each address may take to accept one, but not the handshake that
/// follows.
pub(super) async fn connect(config: &Config, tls: &Tls) -> Result<(Client, ConnectionFuture), DriverError> {
    let addresses = config.get_hosts().len().max(config.get_hostaddrs().len());
    let tries = u32::try_from(addresses).unwrap_or(u32::MAX).saturating_add(1);
    let limit = config.get_connect_timeout().map(|limit| limit.saturating_mul(tries));
    let connected = before(limit.map(|limit| Instant::now() + limit), async {
        config.connect(tls.clone()).await.map_err(unconnected)
    });
    connected.await.map_err(|error| match error {
        DriverError::Deadline => DriverError::Unavailable(Source::new(
            "PostgreSQL has accepted a connection and says nothing (database.connect_timeout)",
        )),
        other => other,
    })
}
