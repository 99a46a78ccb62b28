//! Jobs and events through the crate's public API, on SQLite and PostgreSQL.

mod admin;
mod events;
mod failures;
mod fixture;
mod given_up;
mod kinds;
mod leases;
mod poison;
mod steps;
mod waits;
