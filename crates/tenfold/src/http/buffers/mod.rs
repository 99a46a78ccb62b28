//! Bytes that are held in memory for clients: unfinished heads and bodies, and answers that they have not taken.
//!
//! Time limits alone do not bound them: 2,000 clients that each send most of a body and then stop hold 2 GB for a minute.
//! So each connection counts what it holds, `http.connection_buffer_limit` bounds that, and `http.buffer_limit` bounds
//! the sum. Beyond it, connections that stand still are cut, and what is new is refused (decision 78).
//!
//! - `budget.rs`: the sum, its bound, and who is cut.
//! - `charge.rs`: bytes of a body or an answer, which count until they are dropped.
//! - `client.rs`: what the answers to one client take over all of its connections.
//! - `connection.rs`: what one connection holds.
//! - `held.rs`: how many bytes that are, and for how long its client has stood still.

mod budget;
mod charge;
mod client;
mod connection;
mod held;

pub use self::budget::BufferBudget;
pub(crate) use self::budget::BufferLimits;
pub(super) use self::charge::BufferCharge;
pub(super) use self::client::BufferClient;
pub(super) use self::connection::{BodyWait, BufferRefusal, BytesOf, ConnectionBuffers, READ_AHEAD};
