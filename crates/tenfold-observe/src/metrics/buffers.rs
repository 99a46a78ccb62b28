//! The metrics of what is held in memory for clients, which counts for itself.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;

/// What is held in memory for clients.
#[derive(Clone, Copy, Debug, Default)]
pub struct BufferFigures {
    /// Bytes of unfinished requests and of answers that clients have not taken.
    pub held: u64,
    /// How many there may be.
    pub limit: u64,
    /// Requests, bodies and heads that were refused because of it so far.
    pub refused: u64,
    /// Connections that were cut because they stood still while others needed the room, so far.
    pub cut: u64,
    /// Open connections.
    pub connections: u64,
    /// Connections that were closed because their network had too many while others waited, so far.
    pub shed: u64,
}

/// What was said last; left out before that.
#[derive(Clone, Debug, Default)]
pub(super) struct BufferMetrics(Arc<Mutex<Option<BufferFigures>>>);

impl BufferMetrics {
    pub(super) fn set(&self, figures: BufferFigures) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(figures);
    }
}

impl Collector for BufferMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(figures) = *self.0.lock().unwrap_or_else(PoisonError::into_inner) else { return Ok(()) };
        let metrics = [
            (
                "tenfold_http_buffered_bytes",
                "Bytes of unfinished requests and of answers that clients have not taken.",
                MetricType::Gauge,
                figures.held,
            ),
            ("tenfold_http_buffer_limit_bytes", "How many there may be.", MetricType::Gauge, figures.limit),
            (
                "tenfold_http_buffer_refused_total",
                "Requests and bodies that were refused because no more bytes may be held.",
                MetricType::Counter,
                figures.refused,
            ),
            (
                "tenfold_http_buffer_cut_total",
                "Connections that were cut because they stood still while others needed the room.",
                MetricType::Counter,
                figures.cut,
            ),
            ("tenfold_http_connections", "Open connections.", MetricType::Gauge, figures.connections),
            (
                "tenfold_http_connections_shed_total",
                "Connections that were closed because their network had too many while others waited.",
                MetricType::Counter,
                figures.shed,
            ),
        ];
        for (name, help, kind, value) in metrics {
            // Written like gauges, with the type of a counter: see `TotalMetric`.
            encoder.encode_descriptor(name, help, None, kind)?.encode_gauge(&value)?;
        }
        Ok(())
    }
}
