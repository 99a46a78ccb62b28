//! The outermost layer: every request gets a trace, a scope and a deadline, and is counted when it ends.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;
use http::header::IF_NONE_MATCH;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use tenfold_data::trace::TRACEPARENT;
use tenfold_data::{Cost, Scope, SpanId, TraceContext};
use tenfold_observe::telemetry::{Beginning, Ending, Recording, Totals, WorkKind};
use tracing::{Instrument as _, Span};

use super::cors::{Cors, FromAllowedOrigin, SharedPaths};
use super::precondition::unless_known;
use super::problem::Problem;
use super::request_deadline::RequestDeadline;
use super::state::ServerState;
use super::{host, own_writes};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// In an answer's extensions it keeps the request out of the console; the console's own requests use it.
#[derive(Clone, Copy, Debug)]
pub struct Unrecorded;

pub(super) async fn serve(
    State((state, shared)): State<(ServerState, SharedPaths)>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let in_flight = state.metrics().request_started();
    let (trace, parent) = trace_of(request.headers());
    let id = request_id(request.headers(), trace);
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let span = open_span(&request, route.as_deref(), trace);
    let recording = record(&state, &method, route.as_deref(), trace, parent);
    let limit = state.settings().deadline;
    let deadline = tokio::time::Instant::now() + limit;
    let scope = Scope::new(state.database().clone(), trace, Some(deadline));
    own_writes::heed(request.headers(), &scope);
    request.extensions_mut().insert(std::sync::Arc::clone(&scope));
    let patience = RequestDeadline::until(deadline);
    request.extensions_mut().insert(patience.clone());
    let host = host::check(&mut request);
    let cors = Cors::of(&state.settings().origins, &shared, &request);

    // A panic fails this request, not its connection; so does one in a task or a batch of its scope.
    let driven =
        AssertUnwindSafe(patience.limit(scope.drive(admit(host, &cors, request, next)))).catch_unwind();
    let mut response = match driven.instrument(span.clone()).await {
        Ok(Some(response)) => response,
        Ok(None) => span.in_scope(|| Problem::deadline(limit).into_response()),
        Err(panic) => span.in_scope(|| Problem::internal(panic_message(&*panic)).into_response()),
    };

    let elapsed = started.elapsed();
    let status = response.status();
    finish_headers(&state, response.headers_mut(), &id, trace, scope.cost(), elapsed);
    own_writes::name(&state, &scope, response.headers_mut());
    cors.finish(response.headers_mut());
    let route = route.as_deref().unwrap_or("unmatched");
    state.metrics().request(method.as_str(), route, status.as_u16(), elapsed.as_secs_f64());
    drop(in_flight);
    match response.extensions().get::<Unrecorded>() {
        Some(Unrecorded) => recording.discard(),
        None => recording.end(Ending::Answered(status.as_u16()), Totals::of(&scope.cost())),
    }
    span.in_scope(|| log(method.as_str(), route, status, scope.cost(), elapsed));
    response
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

/// Begins to record what the request does.
fn record(
    state: &ServerState,
    method: &Method,
    route: Option<&str>,
    trace: TraceContext,
    parent: Option<SpanId>,
) -> Recording {
    // An unknown method is the client's invention, and the number of names is bounded.
    let known = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
    ];
    let method = if known.contains(method) { method.as_str() } else { "OTHER" };
    state.telemetry().begin(Beginning {
        kind: WorkKind::Request,
        name: format!("{method} {}", route.unwrap_or("unmatched")),
        trace_id: trace.trace_id,
        span_id: trace.span_id,
        parent,
        at: state.database().clock().now(),
        organization: None,
        job: None,
    })
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
    cost: Cost,
    elapsed: Duration,
) {
    headers.insert(REQUEST_ID, id.clone());
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    if let Ok(value) = HeaderValue::try_from(trace.header()) {
        headers.insert(TRACEPARENT, value);
    }
    if state.settings().server_timing {
        let milliseconds = |duration: Duration| duration.as_secs_f64() * 1000.0;
        let timing = format!(
            "db;desc=\"statements={}\";dur={:.2}, calls;desc=\"calls={}\", total;dur={:.2}",
            cost.statements,
            milliseconds(cost.database_time),
            cost.calls,
            milliseconds(elapsed)
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
        duration_ms = elapsed.as_secs_f64() * 1000.0,
        "request"
    );
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().map(str::to_owned);
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    format!("panicked: {}", text.unwrap_or_else(|| "without a message".to_owned()))
}
