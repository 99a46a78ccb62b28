//! What telemetry promises, seen through the crate's public API.

mod calls;
mod filters;
mod lines;
mod metrics;
mod output;
mod sink;
mod spans;
mod telemetry;
mod trace;
mod why;
