//! Listens, serves, and stops without dropping what is in flight.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::HttpSettings;

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Another process has the port.
    #[error("{0} is in use: stop the other process, or choose another address with --listen")]
    InUse(SocketAddr),
    /// Ports below 1024 need a right that this process lacks.
    #[error("this user may not listen on {0}: choose a port above 1023 with --listen")]
    Forbidden(SocketAddr),
    /// Any other refusal.
    #[error("cannot listen on {0}: {1}")]
    Other(SocketAddr, std::io::Error),
}

/// An address that is listened on; [`Bound::serve`] answers.
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
}

impl Bound {
    /// Begins to listen. Port 0 takes a free one.
    ///
    /// # Errors
    /// [`ServeError`] says which option to change.
    pub async fn listen(address: SocketAddr) -> Result<Self, ServeError> {
        let refused = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::AddrInUse => ServeError::InUse(address),
            std::io::ErrorKind::PermissionDenied => ServeError::Forbidden(address),
            _ => ServeError::Other(address, error),
        };
        let listener = TcpListener::bind(address).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        Ok(Bound { listener, address })
    }

    /// The address, with the port that was taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop`; then takes no more connections and waits for the requests in flight.
    ///
    /// Returns how many connections were still open when `http.shutdown_timeout` ended the wait.
    pub async fn serve(
        self,
        router: Router,
        settings: &HttpSettings,
        stop: impl Future<Output = ()>,
    ) -> usize {
        let permits = Arc::new(Semaphore::new(settings.max_connections));
        let mut http = Builder::new(TokioExecutor::new());
        http.http1().timer(TokioTimer::new()).header_read_timeout(settings.header_timeout);
        http.http2().timer(TokioTimer::new()).max_concurrent_streams(200);
        let graceful = GracefulShutdown::new();
        tokio::pin!(stop);
        loop {
            let stream = tokio::select! {
                stream = self.accept(&permits) => stream,
                () = &mut stop => break,
            };
            let (stream, permit) = stream;
            let service = TowerToHyperService::new(router.clone());
            let connection = http.serve_connection(TokioIo::new(stream), service);
            let connection = graceful.watch(connection.into_owned());
            #[expect(clippy::disallowed_methods, reason = "a connection is not a part of any request")]
            tokio::spawn(async move {
                // A client that went away or spoke nonsense is its own affair.
                let _ = connection.await;
                drop(permit);
            });
        }
        drop(self.listener);
        let waited = tokio::time::timeout(settings.shutdown_timeout, graceful.shutdown()).await;
        if waited.is_ok() { 0 } else { settings.max_connections - permits.available_permits() }
    }

    /// The next connection, once there is room for it.
    async fn accept(&self, permits: &Arc<Semaphore>) -> (TcpStream, tokio::sync::OwnedSemaphorePermit) {
        let permit = Arc::clone(permits).acquire_owned().await.expect("the semaphore is never closed");
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    // Small answers must not wait for a full packet.
                    let _ = stream.set_nodelay(true);
                    return (stream, permit);
                }
                Err(error) => {
                    // Out of file descriptors, for one: others have to end before it can go on.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }
}
