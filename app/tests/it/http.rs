//! What every application has around its handlers.

mod document;
mod observability;
mod problems;
mod tracing;
