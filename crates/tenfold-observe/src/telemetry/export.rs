//! Which finished work is sent elsewhere.

use std::sync::Arc;

use tenfold_data::TraceId;

use super::work::Work;
use crate::export::ExportQueue;

/// Chooses traces, and keeps them until they are sent.
#[derive(Debug)]
pub(super) struct WorkExport {
    /// Traces whose number is below are sent.
    below: u64,
    queue: Arc<ExportQueue<Arc<Work>>>,
}

impl WorkExport {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of the numbers of 63 bits"
    )]
    pub(super) fn new(share: f64, bound: usize) -> Self {
        let below = (share.clamp(0.0, 1.0) * TRACES) as u64;
        WorkExport { below, queue: Arc::new(ExportQueue::new(bound)) }
    }

    pub(super) fn queue(&self) -> Arc<ExportQueue<Arc<Work>>> {
        Arc::clone(&self.queue)
    }

    /// Whether a trace is among the share.
    pub(super) fn chooses(&self, trace: TraceId) -> bool {
        number(trace) < self.below
    }

    pub(super) fn push(&self, work: Arc<Work>) {
        self.queue.push(work);
    }
}

/// How many numbers traces may have.
const TRACES: f64 = 9_223_372_036_854_775_808.0;

/// The number of a trace by which it is chosen: the last eight bytes without the lowest bit, as OpenTelemetry's SDKs do
/// (`TraceIdRatioBased`), so that services with the same share choose the same traces.
fn number(trace: TraceId) -> u64 {
    let [.., a, b, c, d, e, f, g, h] = trace.to_bytes();
    u64::from_be_bytes([a, b, c, d, e, f, g, h]) >> 1
}
