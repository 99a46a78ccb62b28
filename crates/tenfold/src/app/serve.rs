//! `serve`: answers requests and runs jobs until a signal comes.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use clap::ValueEnum;
use tenfold_data::{Clock, Timestamp};
use tenfold_jobs::Worker;
use tenfold_observe::logs;
use tenfold_observe::telemetry::Telemetry;
use tenfold_otlp::Exporter;

use super::App;
use super::minutes::MinuteTask;
use super::operators_port::serve_operators;
use super::telemetry_export::{begin_export, export_settings};
use super::terminal::{ignore_file_size_signal, say, stop_signal};
use crate::config::Loaded;
use crate::http::{Bound, BufferBudget, HttpSettings, OperatorsPort, Stopping};
use crate::settings::Settings;
use crate::why::history::History;
use crate::why::settings::SettingPrints;

/// What a process does.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ProcessRole {
    Web,
    Worker,
    All,
}

/// Serves with these settings.
pub(super) async fn serve(app: App, loaded: Loaded, role: ProcessRole, demo: bool) -> anyhow::Result<()> {
    let settings = app.read_settings(&loaded)?;
    anyhow::ensure!(
        !demo || settings.listen.ip().is_loopback(),
        "--demo adds accounts with known passwords, so it is refused on {}: listen on 127.0.0.1, or omit --demo",
        settings.listen
    );
    ignore_file_size_signal()?;
    let clock = app.clock.clone();
    let began = clock.now();
    let export = export_settings(app.name, app.version, &clock)?;
    let telemetry = Telemetry::new(clock.clone());
    logs::install(settings.log_format, &settings.log_filter, &telemetry)?;
    // Before the database is touched: of two processes started by mistake, only one may migrate.
    let bound = if role == ProcessRole::Worker { None } else { Some(Bound::listen(settings.listen).await?) };
    let port = settings.operators.map(OperatorsPort::listen).transpose()?;
    let (name, welcome, prints) = (app.name, app.demo.filter(|_| demo), loaded.fingerprints());
    let mut started = app.start(loaded, clock.clone(), telemetry.clone(), Vec::new()).await?;
    for check in std::mem::take(&mut started.before_serving) {
        check().await?;
    }
    let export = begin_export(export, started.state.clone(), telemetry.clone(), clock.clone());
    let history = begin_history(&settings, prints, (clock, began), telemetry).await;
    let operators = serve_operators(port, started.operators.take(), say)?;
    if welcome.is_some() {
        started.seed().await?;
    }
    // Installed before the greeting is printed: a reader of the greeting may stop the process at once.
    let stop = stop_signal()?;
    let worker = (role != ProcessRole::Web).then(|| Worker::start(started.jobs));
    let looks = (MinuteTask::begin(started.each_minute), MinuteTask::look(started.plans));
    match bound {
        Some(bound) => {
            note_origins(&started.http);
            let welcome = welcome.map_or_else(String::new, |welcome| welcome());
            say(&greeting(name, bound.address(), &welcome));
            let held = (&started.http, &started.buffers);
            serve_http(bound, started.router, started.stopping, held, stop).await;
        }
        None => {
            say(&format!("{name} runs jobs\n"));
            stop.await;
            started.stopping.set();
        }
    }
    drop(looks);
    if let Some(worker) = worker {
        let handed_back = worker.stop(settings.jobs_shutdown_timeout).await;
        tracing::info!(handed_back, "no more jobs");
    }
    if let Some(operators) = operators {
        operators.end().await;
    }
    started.database.close().await;
    end_recording(history, export).await;
    tracing::info!("stopped");
    Ok(())
}

fn note_origins(settings: &HttpSettings) {
    if settings.origins.lets_loopback_in() {
        tracing::info!(
            "pages on other loopback ports may use the API; set http.loopback_origins = false to refuse them"
        );
    }
}

/// Writes and sends what was recorded last.
async fn end_recording(history: Option<History>, export: Option<Exporter>) {
    if let Some(history) = history {
        history.end().await;
    }
    if let Some(export) = export {
        export.end().await;
    }
}

/// Keeps what is recorded for `why` over a restart, if it should be.
async fn begin_history(
    settings: &Settings,
    prints: SettingPrints,
    clock: (Clock, Timestamp),
    telemetry: Telemetry,
) -> Option<History> {
    History::begin(settings.why_history.as_ref()?, &settings.database, prints, clock, telemetry).await
}

async fn serve_http(
    bound: Bound,
    router: Router,
    stopping: Stopping,
    (settings, buffers): (&HttpSettings, &Arc<BufferBudget>),
    stop: impl Future<Output = ()>,
) {
    let stop = async {
        stop.await;
        stopping.set();
    };
    let left = bound.serve(router, settings, buffers, stop).await;
    if left > 0 {
        tracing::warn!(connections = left, "stopped with requests in flight after http.shutdown_timeout");
    }
}

fn greeting(name: &str, address: SocketAddr, welcome: &str) -> String {
    format!("{name} listens on http://{address}\n  API to read and try: http://{address}/docs\n{welcome}")
}
