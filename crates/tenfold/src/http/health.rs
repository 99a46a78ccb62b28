//! What operators and their machines ask: alive, ready, how much.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::CONTENT_TYPE;
use serde::Serialize;
use tenfold_macros::endpoint;
use tenfold_observe::metrics::CONTENT_TYPE as METRICS_TYPE;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::{Json, Problem, Routes, ServerState};

pub(super) fn routes() -> Routes {
    Routes::new().routes(routes!(healthz)).routes(routes!(readyz)).routes(routes!(metrics))
}

#[derive(Serialize, ToSchema)]
struct Health {
    /// `ok`.
    status: &'static str,
}

/// Whether the process runs. Restart it when this fails.
#[endpoint(get, "/healthz", tag = "operations")]
async fn healthz() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Whether requests can be served: the database answers and takes writes, tried at most once a second. Send none here
/// while this is 503; the problem says why.
#[endpoint(get, "/readyz", tag = "operations", problems(503))]
async fn readyz(State(state): State<ServerState>) -> Result<Json<Health>, Problem> {
    state.readiness().check(state.database()).await?;
    Ok(Json(Health { status: "ok" }))
}

/// Metrics for Prometheus, with OpenTelemetry's names.
#[endpoint(get, "/metrics", tag = "operations", answers(200: String as "text/plain"))]
async fn metrics(State(state): State<ServerState>) -> Result<Response, Problem> {
    let metrics = state.metrics().clone();
    // With every series in use the text is megabytes long: not on a thread that serves requests.
    let text = tokio::task::spawn_blocking(move || metrics.render()).await.map_err(Problem::internal)?;
    Ok(([(CONTENT_TYPE, METRICS_TYPE)], text).into_response())
}
