//! Calls to other services, as their spans tell them.
//!
//! A span is such a call if OpenTelemetry's conventions say so: `otel.kind` is `client`, and `server.address` names the host. So the calls
//! of every client with such spans count, not only ours.

use tenfold_data::SpanId;
use tracing::field::{Field, Visit};

use super::work::OutboundCall;
use crate::logs::SPAN_ID;

/// A name is cut after so many letters.
const LONGEST: usize = 120;
/// Ports that a name does not show.
const USUAL: [u16; 2] = [80, 443];

/// The fields of a span that telemetry understands.
#[derive(Debug, Default)]
pub(super) struct SpanFields {
    /// The work that the span is.
    pub work: Option<SpanId>,
    /// Why a call failed.
    pub error: Option<String>,
    is_client: bool,
    host: Option<String>,
    port: Option<u16>,
    operation: Option<String>,
}

impl SpanFields {
    /// The call that the span is.
    pub(super) fn call(self) -> Option<Box<OutboundCall>> {
        let SpanFields { error, host, port, operation, .. } = self;
        let host = host.filter(|_| self.is_client && self.work.is_none())?;
        let port = port.filter(|port| !USUAL.contains(port));
        Some(Box::new(OutboundCall { host, port, operation, error }))
    }

    fn take(&mut self, name: &str, text: impl FnOnce() -> String) {
        let cut = |text: String| text.chars().take(LONGEST).collect();
        match name {
            SPAN_ID => self.work = SpanId::parse(&text()),
            "otel.kind" => self.is_client = text().eq_ignore_ascii_case("client"),
            "server.address" => self.host = Some(cut(text())),
            "server.port" => self.port = text().parse().ok(),
            "url.template" => self.operation = Some(cut(text())),
            "error.type" => self.error = Some(cut(text())),
            "otel.status_code" => {
                let is_error = text().eq_ignore_ascii_case("error");
                self.error = self.error.take().or(is_error.then(|| "error".to_owned()));
            }
            _ => {}
        }
    }
}

impl Visit for SpanFields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field.name(), || value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.take(field.name(), || format!("{value:?}"));
    }
}
