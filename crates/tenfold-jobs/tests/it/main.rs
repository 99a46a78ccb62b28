//! Jobs and events through the crate's public API, on SQLite and PostgreSQL.

mod admin;
mod events;
mod failures;
mod fixture;
mod leases;
mod poison;
mod steps;
