//! A second port for health, metrics and the console, which a thread of its own serves (`http.operators`).
//!
//! All requests of the service's own port share its threads: while these are busy, health checks wait with everything else,
//! and the process is restarted when it is needed most. This thread shares nothing with them but memory, so it answers as
//! long as the machine does. It has its own connections to the database, so its pages do not wait for those of other requests.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use tenfold_data::Database;

use super::buffers::{BufferBudget, BufferLimits};
use super::server::{Bound, ServeError};
use super::settings::HttpSettings;
use super::state::Stopping;

/// The connections that it has at once.
const CONNECTIONS: usize = 100;
/// How long its requests may take once the process stops: everything else has ended before.
const SHUTDOWN: Duration = Duration::from_secs(1);

/// What the port serves.
#[derive(Clone)]
pub struct OperatorsService {
    pub(crate) router: Router,
    pub(crate) settings: HttpSettings,
    /// Connections of its own.
    pub(crate) database: Database,
}

/// The address, which nobody serves yet.
pub struct OperatorsPort {
    listener: TcpListener,
    address: SocketAddr,
}

/// The thread that serves it. It stops when this is dropped.
pub struct OperatorsThread {
    stopping: Stopping,
    thread: Option<JoinHandle<()>>,
}

impl OperatorsPort {
    /// Binds the address. Port 0 takes a free port.
    ///
    /// # Errors
    /// [`ServeError::Operators`].
    pub fn listen(address: SocketAddr) -> Result<Self, ServeError> {
        let listen = || {
            let listener = TcpListener::bind(address)?;
            listener.set_nonblocking(true)?;
            let address = listener.local_addr()?;
            Ok(OperatorsPort { listener, address })
        };
        listen().map_err(|error| ServeError::Operators(address, error))
    }

    /// The address, with the actual port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves it from a new thread.
    ///
    /// # Errors
    /// The system gives no thread, or no runtime.
    pub fn serve(self, service: OperatorsService) -> io::Result<OperatorsThread> {
        let stopping = Stopping::default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let stop = stopping.clone();
        let work = move || runtime.block_on(self.answer(service, stop));
        let thread = std::thread::Builder::new().name("operators".to_owned()).spawn(work)?;
        Ok(OperatorsThread { stopping, thread: Some(thread) })
    }

    async fn answer(self, service: OperatorsService, stop: Stopping) {
        let OperatorsPort { listener, address } = self;
        let bound = match Bound::of(listener, address) {
            Ok(bound) => bound,
            Err(error) => return tracing::error!(%error, "http.operators cannot be served"),
        };
        let settings =
            HttpSettings { max_connections: CONNECTIONS, shutdown_timeout: SHUTDOWN, ..service.settings };
        // A budget of its own as well: what clients hold must not keep operators out.
        let BufferLimits { connection, .. } = settings.buffers;
        let buffers = BufferBudget::new(BufferLimits { all: 4 * connection, connection });
        bound.serve(service.router, &settings, &buffers, stop.wait()).await;
        service.database.close_aside().await;
    }
}

impl OperatorsThread {
    /// Stops serving, and waits until the thread has ended.
    pub async fn end(mut self) {
        self.stopping.set();
        if let Some(thread) = self.thread.take() {
            // A thread that has panicked has ended as well.
            let _ = tokio::task::spawn_blocking(move || thread.join().ok()).await;
        }
    }
}

impl Drop for OperatorsThread {
    fn drop(&mut self) {
        self.stopping.set();
    }
}
