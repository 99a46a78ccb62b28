//! Listens, serves, and stops without dropping what is in flight.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};

use super::answer_body::AnswerBody;
use super::buffers::{BufferBudget, BufferClient, READ_AHEAD};
use super::client_address::PeerAddress;
use super::connection::{Activity, ConnectionWatch, End, Metered};
use super::lobby::{LOOK_EVERY, Lobby};
use super::pace::Paced;
use super::room::{ConnectionPlace, Room};
use super::settings::HttpSettings;

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Another process has the port.
    #[error("{0} is in use: stop the other process, or choose another address with --listen")]
    InUse(SocketAddr),
    /// Ports below 1024 need a privilege that this process lacks.
    #[error("this user may not listen on {0}: choose a port above 1023 with --listen")]
    Forbidden(SocketAddr),
    /// The address of `http.operators` cannot be had.
    #[error(
        "http.operators: cannot listen on {0}: {1}; choose a free port of this machine, or leave it empty"
    )]
    Operators(SocketAddr, std::io::Error),
    /// Any other refusal.
    #[error("cannot listen on {0}: {1}; choose an address of this machine with --listen")]
    Other(SocketAddr, std::io::Error),
}

/// A listening address; [`Bound::serve`] answers requests on it.
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
}

impl Bound {
    /// Binds the address. Port 0 takes a free port.
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

    /// A listener that another thread has bound, for the runtime of this one.
    pub(super) fn of(listener: std::net::TcpListener, address: SocketAddr) -> std::io::Result<Self> {
        Ok(Bound { listener: TcpListener::from_std(listener)?, address })
    }

    /// The address, with the actual port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop`; then accepts no more connections and waits for the requests in flight. What is held in memory for
    /// clients counts in `buffers`.
    ///
    /// Returns how many connections were still open when `http.shutdown_timeout` ended the wait.
    pub async fn serve(
        self,
        router: Router,
        settings: &HttpSettings,
        buffers: &Arc<BufferBudget>,
        stop: impl Future<Output = ()>,
    ) -> usize {
        let room = Room::new(settings.max_connections, settings.proxies.clone(), Arc::clone(buffers));
        let mut lobby = Lobby::new(&room);
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let server = Server::new(router, settings);
        let (stopping, stopped) = watch::channel(());
        tokio::pin!(stop);
        loop {
            let permit = tokio::select! {
                biased;
                () = &mut stop => break,
                permit = room.free_place(), if !lobby.is_empty() => permit,
                _ = looks.tick(), if !lobby.is_empty() => {
                    lobby.look(Instant::now());
                    continue;
                }
                (stream, peer) = self.accept(), if lobby.has_room() => {
                    lobby.add(stream, peer, Instant::now());
                    continue;
                }
            };
            let Some((stream, peer, place)) = lobby.next(permit, Instant::now()) else { continue };
            #[expect(clippy::disallowed_methods, reason = "a connection is not a part of any request")]
            tokio::spawn(server.connect(stream, peer, place, stopped.clone()));
        }
        drop((self.listener, lobby, stopped));
        let _ = stopping.send(());
        // Each connection holds a receiver, so this ends with the last one.
        let ended = tokio::time::timeout(settings.shutdown_timeout, stopping.closed()).await;
        if ended.is_ok() { 0 } else { room.taken() }
    }

    async fn accept(&self) -> (TcpStream, IpAddr) {
        loop {
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    // Small answers must not wait for a full packet.
                    let _ = stream.set_nodelay(true);
                    return (stream, peer.ip());
                }
                Err(error) => {
                    // For example, out of file descriptors: other connections must end first.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }
}

/// How much of all bodies of a connection of HTTP/2 may be on the way, or wait for their handlers.
const CONNECTION_WINDOW: u32 = 256 << 10;

/// What all connections share.
struct Server {
    http: Builder<TokioExecutor>,
    router: TowerToHyperService<Router>,
    settings: Arc<HttpSettings>,
}

impl Server {
    fn new(router: Router, settings: &HttpSettings) -> Self {
        let mut http = Builder::new(TokioExecutor::new());
        // hyper's limit for a head would end an idle connection: `ConnectionWatch` enforces both limits.
        http.http1().timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(READ_AHEAD / 2);
        let window = u32::try_from(READ_AHEAD).unwrap_or(u32::MAX);
        http.http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(200)
            .initial_stream_window_size(window)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(READ_AHEAD);
        Server { http, router: TowerToHyperService::new(router), settings: Arc::new(settings.clone()) }
    }

    /// Serves one connection until its client leaves, the process stops, or the connection has to make room.
    fn connect(
        &self,
        stream: TcpStream,
        peer: IpAddr,
        place: ConnectionPlace,
        mut stopping: watch::Receiver<()>,
    ) -> impl Future<Output = ()> + use<> {
        let activity = Arc::clone(&place.activity);
        let service = Requests {
            activity: Arc::clone(&activity),
            peer: PeerAddress(peer),
            router: self.router.clone(),
            settings: Arc::clone(&self.settings),
        };
        let stream = TokioIo::new(Metered::new(stream, Arc::clone(&activity)));
        let connection = self.http.serve_connection(stream, service).into_owned();
        let mut watch = ConnectionWatch::new(&activity, &self.settings);
        async move {
            let mut connection = pin!(connection);
            let mut is_stopping = false;
            loop {
                tokio::select! {
                    biased;
                    // A client that disconnects or sends garbage is not an error of the service.
                    _ = connection.as_mut() => break,
                    end = watch.end() => match end {
                        End::Idle => connection.as_mut().graceful_shutdown(),
                        End::Overdue => break,
                    },
                    () = activity.has_to_leave() => break,
                    () = activity.buffers.has_to_close() => break,
                    _ = stopping.changed(), if !is_stopping => {
                        is_stopping = true;
                        connection.as_mut().graceful_shutdown();
                    }
                }
            }
            drop(place);
        }
    }
}

/// Passes the requests of a connection to the router with the peer's address, and records their progress.
struct Requests {
    activity: Arc<Activity>,
    peer: PeerAddress,
    router: TowerToHyperService<Router>,
    settings: Arc<HttpSettings>,
}

impl Service<Request<Incoming>> for Requests {
    type Response = Response<AnswerBody>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<AnswerBody>, Infallible>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let buffers = &self.activity.buffers;
        request.extensions_mut().insert(self.peer);
        request.extensions_mut().insert(Arc::clone(buffers));
        let in_progress = self.activity.request(request.version());
        let answer = self.router.call(request.map(|body| Paced::new(body, &self.settings, buffers)));
        Box::pin(async move {
            let mut answer = answer.await?;
            let client = answer.extensions_mut().remove::<Arc<BufferClient>>();
            Ok(answer.map(|body| AnswerBody::new(body, in_progress, client)))
        })
    }
}
