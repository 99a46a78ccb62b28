//! Telemetry: log lines, metrics, and what the console shows.
//!
//! Whatever happens in here, the application goes on: no call waits for a disk, a pipe or a peer, every
//! buffer and every table has a bound, and reaching it drops telemetry and says so.

pub mod logs;
pub mod metrics;
pub mod telemetry;
