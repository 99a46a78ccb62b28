//! HTTP/1.1 with keep-alive over a bounded number of connections.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::target::LoadTarget;

type Sender = SendRequest<Full<Bytes>>;

/// An idle connection is not used after this time: the application may be about to close it.
const IDLE_LIMIT: Duration = Duration::from_secs(30);

/// The connections of a run.
pub(crate) struct Connections {
    target: LoadTarget,
    places: Semaphore,
    /// The last one that was used comes first, so that few are open while few are needed.
    idle: Mutex<Vec<(Sender, Instant)>>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExchangeError {
    /// Our own fault: this process has no ports or file descriptors left.
    #[error("this process cannot open another connection ({0})")]
    NoSocket(io::Error),
    #[error("connection failed ({0})")]
    Connect(io::Error),
    #[error("connection was cut ({0})")]
    Cut(hyper::Error),
    #[error("no answer in time")]
    TooLate,
}

/// An answer whose body is still to be read.
pub(crate) struct Answered {
    response: Response<Incoming>,
    sender: Sender,
}

impl Connections {
    /// At most this many.
    pub(crate) fn new(target: LoadTarget, most: usize) -> Self {
        Connections { target, places: Semaphore::new(most), idle: Mutex::default() }
    }

    pub(crate) fn target(&self) -> &LoadTarget {
        &self.target
    }

    /// Waits until there may be one more, but not longer than to this moment.
    pub(crate) async fn place(&self, until: Instant) -> Option<SemaphorePermit<'_>> {
        match self.places.try_acquire() {
            Ok(place) => Some(place),
            Err(_) => tokio::time::timeout_at(until.into(), self.places.acquire()).await.ok()?.ok(),
        }
    }

    /// Sends a request, and waits for the head of the answer.
    pub(crate) async fn send(&self, mut request: Request<Full<Bytes>>) -> Result<Answered, ExchangeError> {
        while let Some(mut sender) = self.idle() {
            if sender.ready().await.is_err() {
                continue;
            }
            match sender.try_send_request(request).await {
                Ok(response) => return Ok(Answered { response, sender }),
                Err(mut failed) => match failed.take_message() {
                    // The connection was closed before anything was sent.
                    Some(unsent) => request = unsent,
                    None => return Err(ExchangeError::Cut(failed.into_error())),
                },
            }
        }
        let mut sender = self.open().await?;
        let response = sender.send_request(request).await.map_err(ExchangeError::Cut)?;
        Ok(Answered { response, sender })
    }

    fn idle(&self) -> Option<Sender> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let (sender, since) = idle.pop()?;
        if since.elapsed() < IDLE_LIMIT {
            return Some(sender);
        }
        // Those below have been idle for longer.
        idle.clear();
        None
    }

    async fn open(&self) -> Result<Sender, ExchangeError> {
        let stream = TcpStream::connect(self.target.address()).await.map_err(|error| {
            // ENFILE and EMFILE
            let is_ours = matches!(error.raw_os_error(), Some(23 | 24))
                || error.kind() == io::ErrorKind::AddrNotAvailable;
            if is_ours { ExchangeError::NoSocket(error) } else { ExchangeError::Connect(error) }
        })?;
        // It only saves time.
        let _ = stream.set_nodelay(true);
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(ExchangeError::Cut)?;
        // It ends with its sender, and an error of it is an error of the request on it.
        Handle::current().spawn(connection);
        Ok(sender)
    }
}

impl Answered {
    pub(crate) fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    /// Reads the body to its end and forgets it. Then the connection is free for the next request.
    pub(crate) async fn finish(self, connections: &Connections) -> Result<(), ExchangeError> {
        let Answered { response, sender } = self;
        let mut body = response.into_body();
        while let Some(frame) = body.frame().await {
            frame.map_err(ExchangeError::Cut)?;
        }
        connections.give_back(sender);
        Ok(())
    }

    /// Reads the whole body.
    pub(crate) async fn body(self, connections: &Connections) -> Result<Bytes, ExchangeError> {
        let Answered { response, sender } = self;
        let body = response.into_body().collect().await.map_err(ExchangeError::Cut)?.to_bytes();
        connections.give_back(sender);
        Ok(body)
    }
}

impl Connections {
    fn give_back(&self, sender: Sender) {
        if !sender.is_closed() {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.push((sender, Instant::now()));
        }
    }
}
