//! The case `tower`: the reference backend without its admission, behind the layers that tower has for this.

use std::io::Write as _;
use std::time::Duration;

use axum::BoxError;
use axum::error_handling::HandleErrorLayer;
use axum::http::StatusCode;
use tenfold::config::Loader;
use tenfold::data::Clock;
use tenfold::http::Bound;
use tenfold::settings::Settings;
use tenfold::telemetry::Telemetry;
use tower::ServiceBuilder;
use tower::limit::GlobalConcurrencyLimitLayer;

/// Says to this program that it is such a backend, and how many requests may run at once. The others are refused.
pub const TOWER_LIMIT: &str = "TENFOLD_BENCH_TOWER";

/// Serves until it is killed. What the application is set to comes from its environment.
///
/// # Errors
/// When the application does not start.
pub fn serve_behind_tower(limit: &str) -> anyhow::Result<()> {
    let limit = limit.parse()?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(serve(limit))
}

async fn serve(limit: usize) -> anyhow::Result<()> {
    let app = app::app();
    let loader = Loader::new("defaults.toml", &app.defaults())?.ignore_environment(&[TOWER_LIMIT]);
    let loader = loader.preset("bench", "admission.enabled", "false")?;
    let loaded = loader.environment(std::env::vars_os())?.load();
    let settings = Settings::read(&loaded)?;
    let bound = Bound::listen(settings.listen).await?;
    let clock = Clock::system();
    let started = app.start(loaded, clock.clone(), Telemetry::new(clock), Vec::new()).await?;
    let layers = ServiceBuilder::new()
        .layer(HandleErrorLayer::new(async |_: BoxError| StatusCode::SERVICE_UNAVAILABLE))
        .load_shed()
        .layer(GlobalConcurrencyLimitLayer::new(limit));
    let router = started.router.layer(layers);
    let mut out = std::io::stdout().lock();
    writeln!(out, "app listens on http://{}", bound.address())?;
    out.flush()?;
    drop(out);
    bound.serve(router, &started.http, &started.buffers, tokio::time::sleep(Duration::MAX)).await;
    Ok(())
}
