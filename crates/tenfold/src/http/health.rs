//! Endpoints for operators and their machines: liveness, readiness, metrics.

use std::hint::black_box;
use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, VARY, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use tenfold_macros::endpoint;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::body::Json;
use super::metrics_text::MetricsFormat;
use super::problem::Problem;
use super::pulse::{NoPulse, RuntimePulse};
use super::state::{Routes, ServerState};

pub(super) fn routes() -> Routes {
    Routes::new().routes(routes!(healthz)).routes(routes!(readyz)).routes(routes!(metrics))
}

/// The same paths for `http.operators`. Another thread answers there, so it also says whether the service's own threads run.
pub(super) fn routes_for_operators(pulse: Arc<RuntimePulse>) -> Routes {
    let watched =
        Routes::new().route("/healthz", get(operators_healthz)).route("/readyz", get(operators_readyz));
    watched.layer(Extension(pulse)).routes(routes!(metrics))
}

#[derive(Serialize, ToSchema)]
struct Health {
    /// `ok`.
    status: &'static str,
}

/// Whether the process runs. Restart it if this fails.
#[endpoint(get, "/healthz", tag = "operations", priority = critical)]
async fn healthz() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Whether the process can serve requests: the database answers and accepts writes, checked at most once a second. Send no
/// requests here while this is 503; the problem says why.
#[endpoint(get, "/readyz", tag = "operations", priority = critical, problems(503))]
async fn readyz(State(state): State<ServerState>) -> Result<Json<Health>, Problem> {
    state.readiness().check(state.database()).await?;
    Ok(Json(Health { status: "ok" }))
}

async fn operators_healthz(Extension(pulse): Extension<Arc<RuntimePulse>>) -> Result<Json<Health>, Problem> {
    pulse.is_alive().map_err(stands_still)?;
    Ok(Json(Health { status: "ok" }))
}

async fn operators_readyz(
    State(state): State<ServerState>,
    Extension(pulse): Extension<Arc<RuntimePulse>>,
) -> Result<Json<Health>, Problem> {
    if state.is_stopping() {
        let stops = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", "The service stops");
        return Err(stops.detail("it takes no new connections: send requests to another process"));
    }
    pulse.is_ready().map_err(stands_still)?;
    readyz(State(state)).await
}

fn stands_still(why: NoPulse) -> Problem {
    let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "stands-still", "The service stands still");
    problem.detail(why.to_string())
}

/// Metrics for Prometheus, with OpenTelemetry's names. `Accept: application/openmetrics-text` asks for the OpenMetrics format, in which
/// durations of requests, jobs and statements have exemplars: ids of traces that the console shows. If `metrics.password` is set, send it as a bearer token, or as the
/// password of basic authentication with any name.
#[endpoint(get, "/metrics", tag = "operations", priority = critical, answers(200: String as "text/plain"), problems(401))]
async fn metrics(State(state): State<ServerState>, headers: HeaderMap) -> Result<Response, Problem> {
    let password = &state.settings().metrics_password;
    if !password.is_empty() && !knows(&headers, password.expose()) {
        return Ok(refused());
    }
    let format = MetricsFormat::asked_for(&headers);
    let text = metrics_in(&state, format).await?;
    let vary = HeaderValue::from(ACCEPT);
    Ok(([(CONTENT_TYPE, HeaderValue::from_static(format.content_type())), (VARY, vary)], text)
        .into_response())
}

/// All metrics as they are now, in Prometheus's text format.
///
/// # Errors
/// When the process ends meanwhile.
pub(crate) async fn metrics_text(state: &ServerState) -> Result<Bytes, Problem> {
    metrics_in(state, MetricsFormat::Prometheus).await
}

async fn metrics_in(state: &ServerState, format: MetricsFormat) -> Result<Bytes, Problem> {
    let metrics = state.metrics();
    metrics.cache(state.database().cache_figures());
    metrics.buffers(state.buffers().figures());
    if let Some(figures) = state.admission_figures() {
        metrics.admission(figures);
    }
    state.metrics_text().get(format, metrics, state.telemetry()).await
}

fn refused() -> Response {
    let problem =
        Problem::new(StatusCode::UNAUTHORIZED, "unauthenticated", "Metrics require a password").detail(
            "send metrics.password as `Authorization: Bearer PASSWORD`, or with basic authentication and any name",
        );
    let mut response = problem.into_response();
    response.headers_mut().append(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"metrics\""));
    response
}

/// Whether `Authorization` holds the password: as a bearer token, or as the password of basic authentication.
fn knows(headers: &HeaderMap, password: &str) -> bool {
    let value = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some((scheme, sent)) = value.and_then(|value| value.split_once(' ')) else { return false };
    let sent = sent.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return is_same(sent.as_bytes(), password.as_bytes());
    }
    let decoded = STANDARD.decode(sent).unwrap_or_default();
    let colon = decoded.iter().position(|byte| *byte == b':');
    scheme.eq_ignore_ascii_case("basic")
        && colon.is_some_and(|colon| is_same(&decoded[colon + 1..], password.as_bytes()))
}

/// Compares all bytes, so that the time reveals at most the length of the password.
fn is_same(sent: &[u8], password: &[u8]) -> bool {
    let differs = sent.iter().zip(password).fold(0, |differs, (a, b)| black_box(differs | (a ^ b)));
    sent.len() == password.len() && differs == 0
}
