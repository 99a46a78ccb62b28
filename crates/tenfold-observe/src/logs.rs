//! Log lines for people and for machines, each with the trace it belongs to.
//!
//! One `tracing` layer of our own instead of the OpenTelemetry SDK: it knows our span fields, and its
//! lines go through a bounded queue to a thread that writes them, so that a stuck pipe or a full disk
//! costs log lines, counted and reported, and never a request.
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

mod escape;
mod fields;
mod filter;
mod json;
mod layer;
mod line;
mod pretty;
mod queue;

use std::io;
use std::sync::OnceLock;
use std::time::Duration;

use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;

use crate::telemetry::{Telemetry, TelemetryLayer};

pub(crate) use fields::message_of;
pub use filter::LogFilter;
pub(crate) use filter::SPAN_ID;
pub use layer::{LogLayer, LogOutput};

/// Where the lines of the process go, once [`install`] has been called.
static INSTALLED: OnceLock<LogOutput> = OnceLock::new();

/// What a line looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Aligned, for a person in a terminal.
    Pretty(Colour),
    /// One flat JSON object a line, for whatever collects logs.
    Json,
}

/// Whether pretty lines carry ANSI colours. Nobody guesses: who installs the logs knows the terminal
/// (`std::io::IsTerminal`, `NO_COLOR`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// Plain text.
    Never,
    /// ANSI escape sequences around time, level, target and ids.
    Always,
}

/// Why the logs could not be installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// A part of the filter is neither a level nor a target with its level.
    #[error(
        "log filter {filter:?}: {part:?} is not allowed; give levels (off, error, warn, info, debug, \
         trace) and target=level pairs, separated by commas, such as \"info,tenfold=debug\""
    )]
    Filter {
        /// The whole filter, as it was given.
        filter: String,
        /// The part that cannot be read.
        part: String,
    },
    /// The thread that writes the lines could not be started.
    #[error("the thread that writes log lines could not be started")]
    Thread(#[source] io::Error),
    /// Another `tracing` subscriber has been made the process's own before.
    #[error("logs are installed already; a process has one subscriber, installed once")]
    AlreadyInstalled,
}

/// Writes the whole process's log lines to standard error, and adds authors' spans to the traces of `telemetry`.
///
/// `filter` is read by [`LogFilter::parse`]. Fails on a filter that cannot be read, and when a subscriber
/// has been installed before.
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

/// Waits until every line logged so far has been written, for `limit` at most; the lines of a process
/// that ends without it may be lost. True if they were written, or if nothing is installed.
pub fn flush(limit: Duration) -> bool {
    INSTALLED.get().is_none_or(|output| output.flush(limit))
}
