//! What a command says to its terminal, and the signals that end it or should not.

use std::io::Write as _;

use tenfold_data::DataError;
use tokio::signal::unix::{SignalKind, signal};

/// SIGTERM, which service managers send, or Ctrl-C. Signals count from this call on; the future waits for one.
pub(super) fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: requests in flight are finished first");
    })
}

/// SIGXFSZ on Linux, macOS and the BSDs.
const FILE_SIZE_EXCEEDED: i32 = 25;

/// Keeps a limit on the size of files (`ulimit -f`, `LimitFSIZE=`) from ending the process: a write beyond it then fails with EFBIG,
/// as on a full disk. Tokio's handler stays for good, also once its listener is dropped.
pub(super) fn ignore_file_size_signal() -> std::io::Result<()> {
    signal(SignalKind::from_raw(FILE_SIZE_EXCEEDED)).map(drop)
}

/// Prints what the operator asked for to standard output. A closed reader, such as `head`, is not a failure.
pub(super) fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// The one line that says why the process ends.
pub(super) fn say_error(text: &str) {
    // A closed terminal cannot be helped.
    let _ = writeln!(std::io::stderr(), "error: {text}");
}

/// The first line of an error, for an operator at a terminal.
pub(super) fn one_line(error: &anyhow::Error) -> String {
    match error.downcast_ref::<DataError>() {
        Some(DataError::Unavailable(source)) => {
            let why = with_causes(source);
            format!(
                "the database of database.url cannot be used: {why}; repair it, or choose another with --database"
            )
        }
        _ => format!("{error:#}"),
    }
}

/// The error and its sources: a driver's own message, such as `error connecting to server`, leaves out the cause.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
