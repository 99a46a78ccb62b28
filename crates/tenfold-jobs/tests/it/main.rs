//! Jobs and events through the crate's public API, on SQLite and PostgreSQL.

mod admin;
mod batches;
mod deploys;
mod events;
mod failures;
mod fairness;
mod fixture;
mod given_up;
mod kinds;
mod leases;
mod order;
mod poison;
mod pruning;
mod queues;
mod schedules;
mod steps;
mod turns;
mod unique;
mod waits;
mod walk;
