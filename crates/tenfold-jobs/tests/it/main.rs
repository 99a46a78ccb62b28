//! Jobs and events through the crate's public API, on SQLite and PostgreSQL.

mod admin;
mod batches;
mod deploys;
mod fairness;
mod order;
mod pruning;
mod queues;
mod schedules;
mod turns;
mod unique;
mod walk;
mod events;
mod failures;
mod fixture;
mod given_up;
mod kinds;
mod leases;
mod poison;
mod steps;
mod waits;
