//! Sends telemetry to a collector, if the variables of OpenTelemetry name one.

use std::sync::Arc;

use tenfold_data::Clock;
use tenfold_observe::telemetry::Telemetry;
use tenfold_otlp::{Exporter, MetricsReader, OtlpSettings, OtlpSources};

use crate::http::{ServerState, metrics_text};

/// What the process's environment says.
///
/// # Errors
/// A variable has a value that it may not have.
pub(super) fn export_settings(
    name: &str,
    version: &str,
    clock: &Clock,
) -> anyhow::Result<Option<OtlpSettings>> {
    let lookup = |variable: &str| std::env::var(variable).ok();
    Ok(OtlpSettings::read(lookup, name, version, &clock.new_id().to_string())?)
}

/// Begins to send.
pub(super) fn begin_export(
    settings: Option<OtlpSettings>,
    state: ServerState,
    telemetry: Telemetry,
    clock: Clock,
) -> Option<Exporter> {
    let database = state.database().dialect().system_name();
    let metrics: MetricsReader = Arc::new(move || {
        let state = state.clone();
        Box::pin(async move { metrics_text(&state).await.unwrap_or_default() })
    });
    settings.map(|settings| Exporter::begin(settings, OtlpSources { telemetry, metrics, database, clock }))
}
