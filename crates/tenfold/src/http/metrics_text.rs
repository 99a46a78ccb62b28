//! The text of the metrics, which is made for one request at a time.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use http::header::ACCEPT;
use tenfold_observe::metrics::{CONTENT_TYPE, Metrics, OPEN_METRICS_TYPE};
use tenfold_observe::telemetry::Telemetry;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::problem::Problem;

/// The last text of each format, and when it was begun.
#[derive(Default)]
pub(crate) struct MetricsText {
    prometheus: LastText,
    open_metrics: LastText,
}

type LastText = Arc<Mutex<Option<(Instant, Bytes)>>>;

/// How metrics are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MetricsFormat {
    /// Prometheus's text format.
    Prometheus,
    /// OpenMetrics, with exemplars.
    OpenMetrics,
}

impl MetricsFormat {
    /// The one that an `Accept` asks for: OpenMetrics if it is named, and preferred to plain text.
    pub(super) fn asked_for(headers: &HeaderMap) -> Self {
        let (mut open, mut plain) = (0.0_f32, 0.0_f32);
        let named = headers.get_all(ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
        for item in named.flat_map(|value| value.split(',')) {
            let mut parts = item.split(';').map(str::trim);
            let kind = match parts.next().unwrap_or_default() {
                kind if kind.eq_ignore_ascii_case("application/openmetrics-text") => &mut open,
                kind if kind.eq_ignore_ascii_case("text/plain") => &mut plain,
                _ => continue,
            };
            let weight = parts.find_map(|part| part.strip_prefix("q="));
            *kind = weight.map_or(1.0_f32, |weight| weight.parse().unwrap_or(0.0)).max(*kind);
        }
        if open > 0.0 && open >= plain { MetricsFormat::OpenMetrics } else { MetricsFormat::Prometheus }
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            MetricsFormat::Prometheus => CONTENT_TYPE,
            MetricsFormat::OpenMetrics => OPEN_METRICS_TYPE,
        }
    }
}

impl MetricsText {
    /// The metrics as text, not older than this call. Requests that come while a text is made share the next one: with every series
    /// in use it is megabytes long, and however many ask, it is made for one at a time.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(super) async fn get(
        &self,
        format: MetricsFormat,
        metrics: &Metrics,
        telemetry: &Telemetry,
    ) -> Result<Bytes, Problem> {
        let last = match format {
            MetricsFormat::Prometheus => &self.prometheus,
            MetricsFormat::OpenMetrics => &self.open_metrics,
        };
        let arrived = Instant::now();
        let mut last = Arc::clone(last).lock_owned().await;
        if let Some((begun, text)) = last.as_ref()
            && *begun > arrived
        {
            return Ok(text.clone());
        }
        let (begun, metrics, telemetry) = (Instant::now(), metrics.clone(), telemetry.clone());
        let make = move || {
            let text = Bytes::from(match format {
                MetricsFormat::Prometheus => metrics.render(),
                MetricsFormat::OpenMetrics => {
                    metrics.render_open_metrics(&telemetry.newest(usize::MAX, |_| true))
                }
            });
            // The lock is held to here also when the client has gone, so that the next text is not made beside this one.
            *last = Some((begun, text.clone()));
            text
        };
        // Not on a thread that serves requests.
        tokio::task::spawn_blocking(make).await.map_err(Problem::internal)
    }
}
