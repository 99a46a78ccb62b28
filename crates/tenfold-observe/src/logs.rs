//! Log lines for people and for machines, each with its trace.
//!
//! We use one `tracing` layer of our own instead of the OpenTelemetry SDK: it knows our span fields,
//! and its lines go through a bounded queue to a writer thread. So a stuck pipe or a full disk costs
//! log lines, which are counted and reported, and never a request.
//!
//! ```no_run
//! use tenfold_observe::logs::{self, LogFormat};
//!
//! # let telemetry = tenfold_observe::telemetry::Telemetry::new(tenfold_data::Clock::system());
//! logs::install(LogFormat::Json, "info,tenfold=debug", &telemetry)?;
//! tracing::info!(port = 8080, "listening");
//! logs::flush(std::time::Duration::from_secs(1)); // the last thing that main does
//! # Ok::<(), logs::InstallError>(())
//! ```

mod error;
mod escape;
mod exported;
mod fields;
mod filter;
mod format;
mod json;
mod layer;
mod line;
mod pretty;
mod queue;

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;

use crate::export::ExportQueue;
use crate::telemetry::{Telemetry, TelemetryLayer};

pub use error::InstallError;
pub use exported::ExportedLine;
pub use fields::FieldValue;
pub(crate) use fields::message_of;
pub use filter::LogFilter;
pub(crate) use filter::SPAN_ID;
pub use format::LogFormat;
pub use layer::{LogLayer, LogOutput};
pub use line::milliseconds;
pub use pretty::Colour;

/// The output of the process's log lines, once [`install`] has been called.
static INSTALLED: OnceLock<LogOutput> = OnceLock::new();

/// Writes the whole process's log lines to standard error, and adds authors' spans to the traces of `telemetry`.
///
/// [`LogFilter::parse`] reads `filter`. Fails for an invalid filter, and if a subscriber is already
/// installed.
pub fn install(format: LogFormat, filter: &str, telemetry: &Telemetry) -> Result<(), InstallError> {
    let filter = LogFilter::parse(filter)?;
    let layer = LogLayer::new(format, io::stderr()).map_err(InstallError::Thread)?;
    let output = layer.output();
    let traces = telemetry.layer().with_filter(filter_fn(TelemetryLayer::wants));
    let subscriber = tracing_subscriber::registry().with(layer.filtered(filter)).with(traces);
    tracing::subscriber::set_global_default(subscriber).map_err(|_| InstallError::AlreadyInstalled)?;
    INSTALLED.get_or_init(|| output);
    Ok(())
}

/// Waits until every line logged so far has been written, for at most `limit`. A process that ends
/// without this call may lose lines. True if they were written, or if nothing is installed.
pub fn flush(limit: Duration) -> bool {
    INSTALLED.get().is_none_or(|output| output.flush(limit))
}

/// Begins to collect the process's events to be sent elsewhere; see [`LogOutput::export`]. `None` if nothing is installed.
pub fn export(bound: usize) -> Option<Arc<ExportQueue<ExportedLine>>> {
    INSTALLED.get().map(|output| output.export(bound))
}
