//! The outermost layer: every request gets a trace, is admitted or refused, gets a scope and a deadline, and is counted
//! when it ends.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;
use http::header::IF_NONE_MATCH;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use tenfold_admission::Permit;
use tenfold_data::trace::TRACEPARENT;
use tenfold_data::{Cost, Scope, SpanId, TraceContext};
use tenfold_observe::telemetry::{Beginning, Ending, Recording, Totals};
use tokio::time::Instant;
use tracing::{Instrument as _, Span};

use super::admission::elsewhere::with_permit;
use super::admission::enter::{EnteredRequest, enter, refusal};
use super::admission::refused_body::count_refused_body;
use super::buffers::BytesOf;
use super::cors::{Cors, FromAllowedOrigin, SharedPaths};
use super::method_name::method_name;
use super::precondition::unless_known;
use super::problem::Problem;
use super::request_deadline::{RequestDeadline, RequestTimeout};
use super::state::ServerState;
use super::{host, own_writes};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// In an answer's extensions it keeps the request out of the console; the console's own requests use it.
#[derive(Clone, Copy, Debug)]
pub struct Unrecorded;

/// A request as it arrived.
struct ReceivedRequest {
    timeout: RequestTimeout,
    deadline: RequestDeadline,
    method: Method,
    /// The pattern of its route.
    route: Option<String>,
    trace: TraceContext,
    parent: Option<SpanId>,
    /// Whether it names its host.
    host: Result<(), Problem>,
    cors: Cors,
}

impl ReceivedRequest {
    fn new(state: &ServerState, shared: &SharedPaths, request: &mut Request) -> Self {
        let (trace, parent) = trace_of(request.headers());
        let timeout = RequestTimeout::of(request.headers(), state.settings().deadline);
        ReceivedRequest {
            timeout,
            deadline: timeout.deadline(Instant::now()),
            method: request.method().clone(),
            route: request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned()),
            trace,
            parent,
            host: host::check(request),
            cors: Cors::of(&state.settings().origins, shared, request),
        }
    }

    fn route(&self) -> &str {
        self.route.as_deref().unwrap_or("unmatched")
    }
}

pub(super) async fn serve(
    State((state, shared)): State<(ServerState, SharedPaths)>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let in_flight = state.metrics().request_started();
    let mut received = ReceivedRequest::new(&state, &shared, &mut request);
    let id = request_id(request.headers(), received.trace);
    let mut spent = RequestTiming::default();
    let mut response = match received.deadline.limit(enter(&state, &mut request)).await {
        Some(Ok(EnteredRequest { permit, client })) => {
            spent.waited = permit.as_ref().map_or(Duration::ZERO, Permit::waited);
            let pause = permit.as_ref().map(Permit::pause_handle);
            let arrived = (started, spent.waited);
            // On the heap, so that a request that waits does not hold the room for it: a thousand may wait.
            let answered = Box::pin(answer(&state, &mut received, (request, arrived), next));
            let (mut response, cost) = with_permit(pause, answered).await;
            spent.cost = cost;
            if let Some(client) = client {
                response.extensions_mut().insert(client);
            }
            // It has been answered; the body may still be on its way to the client, who may be slow.
            if let Some(permit) = permit {
                permit.finish();
            }
            response
        }
        // Counted, and neither recorded nor logged: there may be thousands of them a second.
        Some(Err(refused)) => refusal(&refused, &request),
        // Its client waits no longer, and it has waited all the time.
        None => received.timeout.problem().into_response(),
    };
    spent.elapsed = started.elapsed();
    finish_headers(&state, response.headers_mut(), &id, received.trace, spent);
    received.cors.finish(response.headers_mut());
    let status = response.status().as_u16();
    let (method, route) = (received.method.as_str(), received.route.as_deref().unwrap_or("unmatched"));
    state.metrics().request(method, route, status, spent.elapsed.as_secs_f64());
    drop(in_flight);
    response
}

/// Lets the handler answer an admitted request, within its deadline; records and logs it.
async fn answer(
    state: &ServerState,
    received: &mut ReceivedRequest,
    (mut request, arrived): (Request, (Instant, Duration)),
    next: Next,
) -> (Response, Cost) {
    let started = Instant::now();
    let span = open_span(&request, received.route.as_deref(), received.trace);
    let recording = record(state, received, arrived);
    let deadline = received.deadline.clone();
    let scope = Scope::new(state.database().clone(), received.trace, Some(deadline.deadline()));
    own_writes::heed(request.headers(), &scope);
    request.extensions_mut().insert(std::sync::Arc::clone(&scope));
    request.extensions_mut().insert(deadline.clone());
    let host = std::mem::replace(&mut received.host, Ok(()));

    // A panic fails this request, not its connection; so does one in a task or a batch of its scope.
    let handled = scope.drive(admit(host, &received.cors, request, next));
    let driven = AssertUnwindSafe(deadline.limit(handled)).catch_unwind();
    let mut response = match driven.instrument(span.clone()).await {
        Ok(Some(read)) if is_read_too_late(received, &deadline, read.status()) => {
            span.in_scope(|| received.timeout.problem().into_response())
        }
        Ok(Some(response)) => response,
        Ok(None) => span.in_scope(|| received.timeout.problem().into_response()),
        Err(panic) => span.in_scope(|| Problem::internal(panic_message(&*panic)).into_response()),
    };

    own_writes::name(state, &scope, response.headers_mut());
    let (status, cost) = (response.status(), scope.cost());
    let extensions = response.extensions();
    match (extensions.get::<Unrecorded>(), extensions.get::<BytesOf>()) {
        (Some(Unrecorded), _) => {
            recording.discard();
        }
        // Its endpoint has not failed, and a flood of them must not replace the traces of others.
        (None, Some(bytes)) => {
            count_refused_body(state, (&received.method, received.route()), recording.discard(), *bytes);
        }
        (None, None) => recording.end(ending(received, &deadline, status), Totals::of(&cost)),
    }
    span.in_scope(|| log(received.method.as_str(), received.route(), status, cost, started.elapsed()));
    (response, cost)
}

/// Whether a read has ended after its deadline, because its handler did not pause before: its client has gone. A write is answered
/// nevertheless, because it has been done.
fn is_read_too_late(received: &ReceivedRequest, deadline: &RequestDeadline, status: StatusCode) -> bool {
    let has_failed = status.is_client_error() || status.is_server_error();
    received.method.is_safe() && !has_failed && deadline.is_over()
}

/// How a request has ended, for telemetry.
fn ending(received: &ReceivedRequest, deadline: &RequestDeadline, status: StatusCode) -> Ending {
    match status.is_server_error() && received.timeout.is_over_for_client(deadline) {
        true => Ending::Abandoned,
        false => Ending::Answered(status.as_u16()),
    }
}

/// What a request has cost.
#[derive(Clone, Copy, Default)]
struct RequestTiming {
    /// From its arrival until it was admitted.
    waited: Duration,
    cost: Cost,
    /// From its arrival to its answer.
    elapsed: Duration,
}

/// Passes a request on to its handler, unless it is invalid or a preflight.
async fn admit(host: Result<(), Problem>, cors: &Cors, mut request: Request, next: Next) -> Response {
    if let Err(problem) = host {
        return problem.into_response();
    }
    if let Some(answer) = cors.preflight(&request) {
        return answer;
    }
    if cors.is_allowed() {
        request.extensions_mut().insert(FromAllowedOrigin);
    }
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let known = request.headers().get(IF_NONE_MATCH).filter(|_| reads).cloned();
    let answer = next.run(request).await;
    match known {
        Some(tags) => unless_known(&tags, answer),
        None => answer,
    }
}

/// The caller's trace with a span of our own, and the caller's span; or a new trace.
fn trace_of(headers: &HeaderMap) -> (TraceContext, Option<SpanId>) {
    let parent = headers.get(TRACEPARENT).and_then(|value| value.to_str().ok()).and_then(TraceContext::parse);
    let trace = parent.map_or_else(TraceContext::start_random, |parent| parent.child());
    (trace, parent.map(|parent| parent.span_id))
}

/// Begins to record what the request does, which arrived then and was not admitted for so long.
fn record(
    state: &ServerState,
    received: &ReceivedRequest,
    (arrived, queued): (Instant, Duration),
) -> Recording {
    let (method, trace) = (method_name(&received.method), received.trace);
    let (name, at) = (format!("{method} {}", received.route()), state.database().clock().now());
    let beginning = Beginning { parent: received.parent, ..Beginning::of_request(name, trace, at) };
    state.telemetry().begin_arrived(beginning, arrived.into_std(), queued)
}

/// The caller's request id if it is safe to log, else the trace id.
fn request_id(headers: &HeaderMap, trace: TraceContext) -> HeaderValue {
    let harmless = |id: &&HeaderValue| {
        (1..=64).contains(&id.len())
            && id.as_bytes().iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
    };
    headers.get(REQUEST_ID).filter(harmless).cloned().unwrap_or_else(|| {
        HeaderValue::try_from(trace.trace_id.to_string()).expect("hex digits are a header's value")
    })
}

fn open_span(request: &Request, route: Option<&str>, trace: TraceContext) -> Span {
    tracing::info_span!(
        "http.request",
        http.request.method = %request.method(),
        http.route = route,
        url.path = request.uri().path(),
        trace_id = %trace.trace_id,
        span_id = %trace.span_id,
        tenfold.organization = tracing::field::Empty,
        user.id = tracing::field::Empty,
    )
}

fn finish_headers(
    state: &ServerState,
    headers: &mut HeaderMap,
    id: &HeaderValue,
    trace: TraceContext,
    spent: RequestTiming,
) {
    headers.insert(REQUEST_ID, id.clone());
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    if let Ok(value) = HeaderValue::try_from(trace.header()) {
        headers.insert(TRACEPARENT, value);
    }
    if state.settings().server_timing {
        let milliseconds = |duration: Duration| duration.as_secs_f64() * 1000.0;
        let lag = state.admission().figures().map_or(Duration::ZERO, |figures| figures.scheduler_lag);
        let timing = format!(
            "db;desc=\"statements={}\";dur={:.2}, calls;desc=\"calls={}\", wait;dur={:.2}, lag;dur={:.2}, total;dur={:.2}",
            spent.cost.statements,
            milliseconds(spent.cost.database_time),
            spent.cost.calls,
            milliseconds(spent.waited),
            milliseconds(lag),
            milliseconds(spent.elapsed)
        );
        if let Ok(value) = HeaderValue::try_from(timing) {
            headers.insert(SERVER_TIMING, value);
        }
    }
}

fn log(method: &str, route: &str, status: StatusCode, cost: Cost, elapsed: Duration) {
    tracing::info!(
        http.request.method = method,
        http.route = route,
        http.response.status_code = status.as_u16(),
        statements = cost.statements,
        calls = cost.calls,
        duration_ms = tenfold_observe::logs::milliseconds(elapsed),
        "request"
    );
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().map(str::to_owned);
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    format!("panicked: {}", text.unwrap_or_else(|| "without a message".to_owned()))
}
