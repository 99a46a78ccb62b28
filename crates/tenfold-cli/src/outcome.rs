//! What a command gives back.

#[cfg(feature = "commands")]
use std::io;
#[cfg(feature = "commands")]
use std::path::Path;

use jiff::civil::Date;
use jiff::tz::TimeZone;

#[cfg(feature = "commands")]
use crate::error::CheckError;

/// The result of a command.
#[cfg(feature = "commands")]
pub(crate) enum CommandOutcome {
    /// To standard output, exit code 0.
    Fine(String),
    /// To standard error, exit code 1.
    Broken(String),
}

/// A missing document counts as empty.
#[cfg(feature = "commands")]
pub(crate) fn read_or_empty(path: &Path) -> Result<String, CheckError> {
    match std::fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        read => read.map_err(CheckError::file(path)),
    }
}

/// The day on which exceptions are judged, unless another is given (UTC).
#[expect(clippy::disallowed_methods, reason = "a command has no Context; a test passes --today instead")]
pub(crate) fn today() -> Date {
    jiff::Timestamp::now().to_zoned(TimeZone::UTC).date()
}
