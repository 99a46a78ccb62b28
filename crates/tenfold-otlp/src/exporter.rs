//! The loops that send.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tenfold_data::Clock;
use tenfold_observe::ExportQueue;
use tenfold_observe::logs::{self, ExportedLine};
use tenfold_observe::telemetry::{Telemetry, Work};
use tenfold_outbound::OutboundClient;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::attributes::OtlpResource;
use crate::sender::{OtlpBatch, SignalSender};
use crate::settings::OtlpSettings;
use crate::{lines, metrics, spans};

/// How many spans, or log lines, one message has at most: collectors refuse messages of many megabytes.
const BATCH: usize = 2_048;
/// How many requests and jobs, and how many log lines, may wait.
const BOUND: usize = 4_096;
/// How long the last messages may take when the process stops.
const LAST: Duration = Duration::from_secs(2);

/// Writes the process's metrics in Prometheus's text format.
pub type MetricsReader = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Bytes> + Send>> + Send + Sync>;

/// What is sent.
pub struct OtlpSources {
    /// Requests and jobs.
    pub telemetry: Telemetry,
    /// Metrics.
    pub metrics: MetricsReader,
    /// `sqlite` or `postgresql`.
    pub database: &'static str,
    /// The time of metrics.
    pub clock: Clock,
}

/// Sends until it is ended.
pub struct Exporter {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Exporter {
    /// Begins to send. Call it in a tokio runtime.
    pub fn begin(settings: OtlpSettings, sources: OtlpSources) -> Self {
        for remark in &settings.remarks {
            tracing::warn!("{remark}");
        }
        let (stop, stopped) = watch::channel(false);
        #[expect(
            clippy::disallowed_methods,
            reason = "it runs as long as the process and is a part of no request"
        )]
        let task = tokio::spawn(run(settings, sources, stopped));
        Exporter { stop, task }
    }

    /// Sends what waits, for at most two seconds.
    pub async fn end(self) {
        self.stop.send_replace(true);
        if timeout(LAST, self.task).await.is_err() {
            tracing::warn!("the last telemetry was not delivered in time");
        }
    }
}

async fn run(settings: OtlpSettings, sources: OtlpSources, stopped: watch::Receiver<bool>) {
    let (client, resource) = (OutboundClient::default(), &settings.resource);
    let sender = |signal, to| SignalSender::new(signal, client.clone(), to);
    let delay = settings.batch_delay;
    let traces = async {
        let Some(to) = settings.traces else { return };
        let queue = sources.telemetry.export(settings.share, BOUND);
        let encode =
            |works: &[Arc<Work>]| spans::encode(resource, sources.database, works.iter().map(AsRef::as_ref));
        let weigh = |work: &Arc<Work>| 1 + work.spans.len();
        drain(sender("traces", to), &queue, (delay, stopped.clone()), weigh, encode).await;
    };
    let log_lines = async {
        let Some(to) = settings.logs else { return };
        let Some(queue) = logs::export(BOUND) else { return };
        let encode = |some: &[ExportedLine]| lines::encode(resource, some);
        drain(sender("logs", to), &queue, (delay, stopped.clone()), |_| 1, encode).await;
    };
    let figures = async {
        let Some(to) = settings.metrics else { return };
        let to = sender("metrics", to);
        measure(to, &sources, settings.metrics_interval, stopped.clone(), resource).await;
    };
    tokio::join!(traces, log_lines, figures);
}

/// Waits for the next turn; true if it is the last.
async fn next(stopped: &mut watch::Receiver<bool>, delay: Duration) -> bool {
    let is_over = stopped.wait_for(|is_over| *is_over);
    timeout(delay, is_over).await.is_ok()
}

/// Sends what a queue has, again and again.
async fn drain<T>(
    mut sender: SignalSender,
    queue: &ExportQueue<T>,
    (delay, mut stopped): (Duration, watch::Receiver<bool>),
    weigh: impl Fn(&T) -> usize,
    encode: impl Fn(&[T]) -> Vec<u8>,
) {
    let mut is_last = false;
    while !is_last {
        is_last = next(&mut stopped, delay).await;
        while sender.is_free().await {
            let some = queue.take(BATCH, &weigh);
            if some.is_empty() {
                break;
            }
            let batch = OtlpBatch { body: Bytes::from(encode(&some)), records: some.len() as u64 };
            if !sender.deliver(batch).await {
                break;
            }
        }
        sender.lost(queue.take_lost());
    }
}

/// Sends the metrics, again and again. A figure counts from the start, so one that is not delivered is in the next one.
async fn measure(
    mut sender: SignalSender,
    sources: &OtlpSources,
    interval: Duration,
    mut stopped: watch::Receiver<bool>,
    resource: &OtlpResource,
) {
    let start = spans::nanos(sources.clock.now(), Duration::ZERO);
    let mut is_last = false;
    while !is_last {
        is_last = next(&mut stopped, interval).await;
        if !sender.is_free().await {
            continue;
        }
        let text = (sources.metrics)().await;
        let period = metrics::Period { start, now: spans::nanos(sources.clock.now(), Duration::ZERO) };
        let body = Bytes::from(metrics::encode(resource, &String::from_utf8_lossy(&text), period));
        sender.deliver(OtlpBatch { body, records: 1 }).await;
    }
}
