//! Holds the socket: each request waits until the application is ready for it, and goes to it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::Instant;

use super::answer::{self, Body, RequestHead};
use super::background::spawn;
use super::events;
use super::headers;
use super::output::own_frames;
use super::page;
use super::state::{DevState, Numbered, UnansweredRequest};
use super::watch::Eyes;

/// How long a request waits for the application.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a browser's navigation waits before it gets a page that says what is going on, and reloads.
const NAVIGATION: Duration = Duration::from_secs(8);
/// How long a request whose connection was cut waits to hear why.
const EXPLAINED: Duration = Duration::from_secs(2);
/// How long a page waits for the panic in the output, and the bytes of the answer that it shows.
const PANIC: Duration = Duration::from_millis(300);
const SHOWN_BYTES: usize = 64 * 1024;

/// What every connection shares.
pub(super) struct Proxy {
    pub(super) states: watch::Receiver<Numbered>,
    pub(super) eyes: Eyes,
    pub(super) address: SocketAddr,
}

impl Proxy {
    /// Serves connections for ever.
    pub(super) async fn serve(self, listener: TcpListener) {
        let proxy = Arc::new(self);
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    spawn(connection(Arc::clone(&proxy), stream));
                }
                // For example, out of file descriptors: other connections must end first.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let asker = RequestHead::of(&request);
        let may_see = asker.may_see(self.address.ip());
        if let Some(below) = request.uri().path().strip_prefix(page::PREFIX) {
            return match may_see {
                true => self.own(below),
                false => answer::refused(
                    StatusCode::MISDIRECTED_REQUEST,
                    "ask by a name of this machine: localhost",
                ),
            };
        }
        if request.method() == Method::CONNECT {
            return answer::refused(StatusCode::METHOD_NOT_ALLOWED, "this is no proxy for other hosts");
        }
        self.eyes.look().await;
        let patience = if asker.is_navigation { NAVIGATION } else { PATIENCE };
        let ticket = match self.admitted(Instant::now() + patience).await {
            Ok(ticket) => ticket,
            Err((_, DevState::Failed(failure))) if !may_see => {
                return answer::refused(StatusCode::SERVICE_UNAVAILABLE, failure.stage.title());
            }
            Err(state) => return explained(&asker, &state),
        };
        match self.forward(request, ticket, asker.is_navigation && may_see).await {
            Ok(answer) => answer,
            Err(error) => self.unanswered(&asker, may_see, &error).await,
        }
    }

    /// Waits until a process may be asked, and counts the request as sent to it; else the state that has kept it.
    async fn admitted(&self, until: Instant) -> Result<UnansweredRequest, Numbered> {
        let mut states = self.states.clone();
        loop {
            let state = {
                let now = states.borrow_and_update();
                match &now.1 {
                    DevState::Ready(upstream) => return Ok(upstream.enter()),
                    DevState::Failed(_) | DevState::Working(_) => now.clone(),
                }
            };
            let is_over = matches!(state.1, DevState::Failed(_));
            if is_over || !matches!(tokio::time::timeout_at(until, states.changed()).await, Ok(Ok(()))) {
                return Err(state);
            }
        }
    }

    /// Sends a request on, over a connection of its own: none can be closed by a process that ends in between.
    async fn forward(
        &self,
        mut request: Request<Incoming>,
        ticket: UnansweredRequest,
        may_explain: bool,
    ) -> Result<Response<Body>, String> {
        let path = request.uri().path().to_owned();
        let output = Arc::clone(&ticket.upstream().output);
        let lines = output.count();
        let stream =
            TcpStream::connect(ticket.upstream().address).await.map_err(|error| error.to_string())?;
        let _ = stream.set_nodelay(true);
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(told)?;
        spawn(connection.with_upgrades());
        let switched = headers::upgrade(request.headers()).map(|_| hyper::upgrade::on(&mut request));
        headers::for_application(&mut request, &self.address.to_string());
        let mut answer = sender.send_request(request).await.map_err(told)?;
        drop(ticket);
        if let Some(client) = switched.filter(|_| answer.status() == StatusCode::SWITCHING_PROTOCOLS) {
            spawn(join(client, hyper::upgrade::on(&mut answer)));
        }
        headers::for_client(&mut answer);
        if may_explain && answer.status() == StatusCode::INTERNAL_SERVER_ERROR {
            output.says("panicked", lines, PANIC).await;
            let body = Limited::new(answer.into_body(), SHOWN_BYTES).collect().await;
            let body = body.map(|body| body.to_bytes()).unwrap_or_default();
            let (body, lines) = (String::from_utf8_lossy(&body), own_frames(output.since(lines)));
            let text = page::broken(self.states.borrow().0, &path, &body, &lines);
            return Ok(answer::html(StatusCode::INTERNAL_SERVER_ERROR, text));
        }
        Ok(answer.map(BodyExt::boxed))
    }

    /// The application took the request and gave no answer: it has probably ended, and its end will be known soon.
    async fn unanswered(&self, asker: &RequestHead, may_see: bool, error: &str) -> Response<Body> {
        let mut states = self.states.clone();
        let failed = states.wait_for(|(_, state)| matches!(state, DevState::Failed(_)));
        let failed = tokio::time::timeout(EXPLAINED, failed).await.ok().and_then(Result::ok);
        match failed.map(|state| state.clone()).filter(|_| may_see) {
            Some(state) => explained(asker, &state),
            None => asker.unanswered(&format!("the application ended the connection: {error}")),
        }
    }

    /// What this command serves itself.
    fn own(&self, below: &str) -> Response<Body> {
        let file = |kind, text: &str| answer::of_text(StatusCode::OK, kind, text.to_owned());
        match below {
            "" | "/" => {
                let (number, state) = self.states.borrow().clone();
                answer::state(number, &state)
            }
            "/events" => events::stream(self.states.clone()),
            "/dev.js" => file("text/javascript; charset=utf-8", page::SCRIPT),
            "/dev.css" => file("text/css; charset=utf-8", page::STYLE),
            _ => answer::refused(StatusCode::NOT_FOUND, "tenfold dev has no such page"),
        }
    }
}

fn explained(asker: &RequestHead, (number, state): &Numbered) -> Response<Body> {
    match state {
        DevState::Failed(failure) => asker.failed(*number, failure),
        DevState::Working(work) => asker.working(*number, *work),
        DevState::Ready(_) => asker.unanswered("the application became ready too late"),
    }
}

async fn connection(proxy: Arc<Proxy>, stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let proxy = Arc::clone(&proxy);
        async move { Ok::<_, Infallible>(proxy.answer(request).await) }
    });
    // A client that leaves or sends garbage is not an error of ours.
    let _ = hyper::server::conn::http1::Builder::new()
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
}

/// Joins the two connections after a switch of protocols.
async fn join(client: hyper::upgrade::OnUpgrade, application: hyper::upgrade::OnUpgrade) {
    if let (Ok(client), Ok(application)) = tokio::join!(client, application) {
        let (mut client, mut application) = (TokioIo::new(client), TokioIo::new(application));
        let _ = tokio::io::copy_bidirectional(&mut client, &mut application).await;
    }
}

/// An error with what caused it.
fn told(error: hyper::Error) -> String {
    match std::error::Error::source(&error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
