//! Why logs are not written.

use std::io;

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
    /// Another `tracing` subscriber was installed for the process before.
    #[error("logs are installed already; a process has one subscriber, installed once")]
    AlreadyInstalled,
}
