//! OpenTelemetry's protocol OTLP over HTTP, in its binary encoding, for traces, log lines and metrics.
//!
//! What is sent is what the process has recorded anyway; nothing is measured twice. Three loops take from bounded queues and
//! send batches. A collector that is slow, away or wrong costs telemetry, which is counted and logged, and never a request.
//!
//! The messages are those of <https://github.com/open-telemetry/opentelemetry-proto>, written by hand: a dozen messages need
//! neither a compiler for them nor generated code. The variables are those of
//! <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>.

mod attributes;
mod exporter;
mod exposition;
mod lines;
mod message;
mod metrics;
mod sender;
mod settings;
mod spans;

pub use exporter::{Exporter, MetricsReader, OtlpSources};
pub use settings::{OtlpSettings, OtlpSettingsError};
