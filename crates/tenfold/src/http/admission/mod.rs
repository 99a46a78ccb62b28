//! Admission of requests: the gate of `tenfold-admission` before everything that costs something.
//!
//! A request is admitted, waits or is refused before its body is read, before a statement and before a password is
//! hashed. Whose it is, the token's MAC says, without a look-up.
//!
//! - `gate.rs`: the gate and its settings.
//! - `routes.rs`: which class and kind a request is, by its route.
//! - `enter.rs`: a request passes the gate, or is refused and counted.
//! - `refused_body.rs`: a request that was admitted, and whose body is refused, counts as refused.
//! - `body.rs`: a request that waits for its client's bytes leaves its room to others.
//! - `elsewhere.rs`: so does one that waits for something with a bound of its own.
//! - `probe.rs`: how late the scheduler is.

mod body;
pub(super) mod elsewhere;
pub(super) mod enter;
pub(super) mod gate;
mod probe;
pub(super) mod refused_body;
pub(super) mod routes;
