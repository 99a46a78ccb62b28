//! What every application has around its handlers.

mod bodies;
mod buffers;
mod client_address;
mod connections;
mod cookies;
mod cors;
mod deadlines;
mod document;
mod failures;
mod going_away;
mod host;
mod looks;
mod observability;
mod open_metrics;
mod operators_port;
mod overload;
mod page;
mod preconditions;
mod problems;
mod readiness;
mod refused_bodies;
mod shares;
mod tracing;
