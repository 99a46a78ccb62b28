//! A request passes the gate.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::response::{IntoResponse as _, Response};
use http::Method;
use http::header::CONTENT_TYPE;
use hyper::body::Body as _;
use tenfold_admission::{Candidate, Flow, Permit, Refusal, RequestClass};
use tenfold_data::OrgId;
use tenfold_observe::telemetry::RefusedRequest;

use super::body::PausingBody;
use crate::http::auth::Credentials;
use crate::http::buffers::{BufferClient, BufferRefusal, BytesOf, ConnectionBuffers};
use crate::http::client_address::client_of;
use crate::http::method_name::method_name;
use crate::http::problem::Problem;
use crate::http::state::ServerState;

/// Probes of the process need no permit: a flood of other requests must not get it restarted.
const PROBES: [&str; 2] = ["/healthz", "/readyz"];

/// A request that is expected to take longer than this yields once, so that the requests on the sockets arrive.
///
/// On SQLite a handler may run from its first line to its last without a pause. The requests behind it would wait for its
/// thread, where nothing sees them: none would be in flight beside it, and none would be refused.
const SHORT: Duration = Duration::from_micros(300);
/// The same just after a request that gives way to it. That one has yielded, so others have arrived, and a yield takes longer: its handler
/// may go first.
const SHORT_AFTER: Duration = Duration::from_millis(2);

/// Why a request is refused before anything is done for it.
#[derive(Debug)]
pub(in super::super) enum EntryRefusal {
    /// More come than can run.
    Requests(Refusal),
    /// More bytes are held for clients than may be.
    Bytes(BufferRefusal),
}

/// A request that may run.
#[derive(Default)]
pub(in super::super) struct EnteredRequest {
    /// None without admission, for a preflight, a probe of the process, and a path without a route.
    pub permit: Option<Permit>,
    /// For whom its answer will be held, which the answer's extensions have to say; nothing for a request that did not come over
    /// a socket.
    pub client: Option<Arc<BufferClient>>,
}

/// Waits until the request may run.
///
/// # Errors
/// The request is to be refused.
pub(in super::super) async fn enter(
    state: &ServerState,
    request: &mut Request,
) -> Result<EnteredRequest, EntryRefusal> {
    let Some(route) = request.extensions().get::<MatchedPath>() else { return Ok(EnteredRequest::default()) };
    if request.method() == Method::OPTIONS || PROBES.contains(&route.as_str()) {
        return Ok(EnteredRequest::default());
    }
    let (class, kind) = state.route_classes().of(request.method(), route.as_str());
    let (flow, organization) = flow_of(state, request);
    let entered = pass(state, request, Candidate { class, flow, kind }).await;
    if let Err(refused) = &entered {
        count(state, request, (class, organization), refused);
    }
    entered
}

fn count(
    state: &ServerState,
    request: &Request,
    (class, organization): (RequestClass, Option<OrgId>),
    refused: &EntryRefusal,
) {
    let bytes = match refused {
        EntryRefusal::Requests(_) => None,
        EntryRefusal::Bytes(why) => Some(why.bytes_of()),
    };
    if let Some(route) = request.extensions().get::<MatchedPath>() {
        tell_refused(state, (request.method(), route.as_str()), (class, organization), bytes);
    }
}

/// Tells telemetry of a refused request, unless that says nothing about the service. `bytes` says whose bytes it is refused for, if it
/// is refused for bytes.
///
/// Best-effort requests are meant to be refused first. A client that takes none of its answers, or holds too much on a connection, is
/// refused for what it does itself, as with a 429.
pub(super) fn tell_refused(
    state: &ServerState,
    (method, route): (&Method, &str),
    (class, organization): (RequestClass, Option<OrgId>),
    bytes: Option<BytesOf>,
) {
    if class != RequestClass::BestEffort && bytes != Some(BytesOf::Client) {
        let (method, for_bytes) = (method_name(method), bytes.is_some());
        state.telemetry().refused(RefusedRequest { method, route, organization, for_bytes });
    }
}

/// Waits until a look of a live stream may run. Its kind is that of this GET, or 0 if it is none. Nothing without admission.
///
/// # Errors
/// It is refused, and may come again later.
pub(in super::super) async fn enter_look(
    state: &ServerState,
    (class, flow): (RequestClass, Flow),
    route: &str,
) -> Result<Option<Permit>, Refusal> {
    let admission = state.admission();
    let Some(gate) = admission.gate() else { return Ok(None) };
    let (_, kind) = state.route_classes().of(&Method::GET, route);
    let entering = gate.enter(Candidate { class, flow, kind });
    admission.show_pressure();
    entering.await.map(Some)
}

async fn pass(
    state: &ServerState,
    request: &mut Request,
    candidate: Candidate,
) -> Result<EnteredRequest, EntryRefusal> {
    let Candidate { class, flow, .. } = candidate;
    let bytes = RequestBytes::of(request, flow);
    let has_room = || match &bytes {
        Some(bytes) if class != RequestClass::Critical => bytes.admit(),
        _ => Ok(()),
    };
    has_room()?;
    let admission = state.admission();
    let Some(gate) = admission.gate() else {
        return Ok(EnteredRequest { permit: None, client: bytes.map(|bytes| bytes.client) });
    };
    let entering = gate.enter(candidate);
    admission.show_pressure();
    let permit = entering.await.map_err(EntryRefusal::Requests)?;
    if !request.body().is_end_stream() {
        let body = std::mem::replace(request.body_mut(), Body::empty());
        *request.body_mut() = Body::new(PausingBody::new(body, permit.pause_handle()));
    }
    let short = if permit.others_yielded() { SHORT_AFTER } else { SHORT };
    if class != RequestClass::Critical && permit.expected().is_none_or(|expected| expected > short) {
        // The runtime polls the tasks that are ready, and the sockets, before it continues with this one.
        tokio::task::yield_now().await;
    }
    // A thousand may have waited here, and those that went before have made their answers.
    has_room()?;
    Ok(EnteredRequest { permit: Some(permit), client: bytes.map(|bytes| bytes.client) })
}

/// Where the bytes of a request's answer will count.
struct RequestBytes {
    connection: Arc<ConnectionBuffers>,
    client: Arc<BufferClient>,
}

impl RequestBytes {
    /// Nothing for a request that did not come over a socket.
    fn of(request: &Request, flow: Flow) -> Option<Self> {
        let connection = Arc::clone(request.extensions().get::<Arc<ConnectionBuffers>>()?);
        let client = connection.client(flow);
        Some(RequestBytes { connection, client })
    }

    fn admit(&self) -> Result<(), EntryRefusal> {
        self.connection.admit(&self.client).map_err(EntryRefusal::Bytes)
    }
}

/// The organization of the token, whose MAC shows that it is ours; otherwise the client's network and no organization.
fn flow_of(state: &ServerState, request: &Request) -> (Flow, Option<OrgId>) {
    let credentials = Credentials::of(request.headers(), state.settings().session_cookie());
    let organization = credentials.and_then(|found| state.authenticator().organization_of(&found.token));
    let flow = match organization {
        Some(organization) => state.admission().flow_of(organization),
        None => state.admission().flow_of(
            client_of(request.extensions(), request.headers(), state).map(|client| client.network()),
        ),
    };
    (flow, organization)
}

/// The answer to a request that is refused: a problem; or its head alone while the client leaves other answers lying. A head needs no
/// window of HTTP/2, so it is not held. The bodies of 200 refusals on each of many connections would take the memory that was refused.
pub(in super::super) fn refusal(refused: &EntryRefusal, request: &Request) -> Response {
    let answer = problem(refused).into_response();
    match request.extensions().get::<Arc<ConnectionBuffers>>() {
        Some(buffers) if buffers.leaves_answers() => head_of(answer),
        _ => answer,
    }
}

fn head_of(answer: Response) -> Response {
    let (mut head, _) = answer.into_parts();
    head.headers.remove(CONTENT_TYPE);
    Response::from_parts(head, Body::empty())
}

fn problem(refused: &EntryRefusal) -> Problem {
    match refused {
        EntryRefusal::Requests(refused) => Problem::overloaded(refused.retry_after).detail(
            "more requests come than the service can answer: send it again after Retry-After seconds",
        ),
        EntryRefusal::Bytes(why) => Problem::no_room(*why),
    }
}
