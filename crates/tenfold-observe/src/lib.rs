//! Telemetry: log lines, metrics, and what the console shows.
//!
//! Telemetry never stops the application: no call waits for a disk, a pipe or a peer. Every buffer and
//! every table has a bound; reaching it drops telemetry and reports the loss.

mod export;
pub mod logs;
pub mod metrics;
pub mod telemetry;

pub use export::ExportQueue;
