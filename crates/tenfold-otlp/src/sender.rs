//! Sends the batches of one kind of telemetry.

use std::time::Duration;

use bytes::Bytes;
use tenfold_outbound::{Method, OutboundAnswer, OutboundClient, OutboundRequest};
use tokio::time::Instant;

use crate::settings::OtlpDestination;

/// The wait after the first failure, and the longest.
const WAITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Sends to one address. A batch that could not be delivered is tried again until the receiver takes it or refuses it for good.
pub(crate) struct SignalSender {
    /// `traces`, `logs` or `metrics`.
    signal: &'static str,
    client: OutboundClient,
    to: OtlpDestination,
    /// What could not be delivered yet.
    held: Option<OtlpBatch>,
    wait: Duration,
    not_before: Option<Instant>,
    is_failing: bool,
    /// How many records were lost since that was said last.
    lost: u64,
    said_at: Option<Instant>,
}

/// Records of one request.
pub(crate) struct OtlpBatch {
    pub(crate) body: Bytes,
    pub(crate) records: u64,
}

/// How a delivery ended.
enum OtlpDelivery {
    Taken,
    /// It may be taken later.
    Again(Option<Duration>, String),
    Refused(String),
}

impl SignalSender {
    pub(crate) fn new(signal: &'static str, client: OutboundClient, to: OtlpDestination) -> Self {
        SignalSender {
            signal,
            client,
            to,
            held: None,
            wait: WAITS.0,
            not_before: None,
            is_failing: false,
            lost: 0,
            said_at: None,
        }
    }

    /// Whether a new batch can be taken: none waits to be tried again. Tries that one if its time has come.
    pub(crate) async fn is_free(&mut self) -> bool {
        if self.not_before.is_some_and(|moment| Instant::now() < moment) {
            return false;
        }
        match self.held.take() {
            Some(batch) => self.deliver(batch).await,
            None => true,
        }
    }

    /// Sends a batch; false if it must be tried again later.
    pub(crate) async fn deliver(&mut self, batch: OtlpBatch) -> bool {
        match self.post(batch.body.clone()).await {
            OtlpDelivery::Taken => {
                if std::mem::take(&mut self.is_failing) {
                    tracing::info!(
                        signal = self.signal,
                        host = self.to.url.host(),
                        "telemetry is delivered again"
                    );
                }
                (self.wait, self.not_before) = (WAITS.0, None);
                true
            }
            OtlpDelivery::Again(after, reason) => {
                self.complain(&reason);
                self.not_before = Some(Instant::now() + after.unwrap_or(self.wait).min(WAITS.1));
                self.wait = (self.wait * 2).min(WAITS.1);
                self.held = Some(batch);
                false
            }
            OtlpDelivery::Refused(reason) => {
                self.complain(&reason);
                self.lost(batch.records);
                true
            }
        }
    }

    /// Counts what was lost, and says it once a minute.
    pub(crate) fn lost(&mut self, records: u64) {
        self.lost += records;
        if self.lost > 0 && self.said_at.is_none_or(|said| said.elapsed() >= WAITS.1) {
            let lost = std::mem::take(&mut self.lost);
            self.said_at = Some(Instant::now());
            tracing::warn!(
                signal = self.signal,
                lost,
                "telemetry was lost: it was refused, or came faster than it was taken"
            );
        }
    }

    /// Says that deliveries fail, once until one succeeds.
    fn complain(&mut self, reason: &str) {
        if !std::mem::replace(&mut self.is_failing, true) {
            tracing::warn!(signal = self.signal, "telemetry is not delivered: {reason}");
        }
    }

    async fn post(&self, body: Bytes) -> OtlpDelivery {
        let mut request = OutboundRequest::new(Method::POST, self.to.timeout)
            .body("application/x-protobuf", body)
            .status_only();
        for (name, value) in &self.to.headers {
            request = request.header(name, value);
        }
        match self.client.send(&self.to.url, request).await {
            Ok(answer) if answer.is_success() => OtlpDelivery::Taken,
            Ok(answer) => {
                let reason = format!("{} answers {}", self.to.url.host(), answer.status);
                // The statuses that OTLP/HTTP lets a sender try again.
                match answer.status.as_u16() {
                    429 | 502 | 503 | 504 => OtlpDelivery::Again(retry_after(&answer), reason),
                    _ => OtlpDelivery::Refused(reason),
                }
            }
            Err(error) => OtlpDelivery::Again(None, error.to_string()),
        }
    }
}

fn retry_after(answer: &OutboundAnswer) -> Option<Duration> {
    let seconds = answer.headers.get("retry-after")?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}
