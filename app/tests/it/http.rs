//! What every application has around its handlers.

mod bodies;
mod document;
mod failures;
mod going_away;
mod observability;
mod page;
mod problems;
mod tracing;
