//! Starts the thread that serves `http.operators`.

use crate::http::{OperatorsPort, OperatorsService, OperatorsThread};

/// Serves `http.operators`, if it is set, in every role of a process, and tells the operator where.
///
/// # Errors
/// The system gives no thread.
pub(super) fn serve_operators(
    port: Option<OperatorsPort>,
    service: Option<OperatorsService>,
    say: fn(&str),
) -> std::io::Result<Option<OperatorsThread>> {
    let (Some(port), Some(service)) = (port, service) else { return Ok(None) };
    say(&format!("health, metrics and console: http://{}\n", port.address()));
    port.serve(service).map(Some)
}
