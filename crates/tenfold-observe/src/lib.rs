//! Telemetry: trace context, log lines and metrics.
