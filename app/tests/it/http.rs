//! What every application has around its handlers.

mod bodies;
mod document;
mod observability;
mod problems;
mod tracing;
