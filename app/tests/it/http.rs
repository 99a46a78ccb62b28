//! What every application has around its handlers.

mod bodies;
mod document;
mod failures;
mod observability;
mod problems;
mod tracing;
