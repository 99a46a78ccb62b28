//! What can go wrong with a call to another module.

use tenfold_data::DataError;

/// What can go wrong with a call to another module.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The other module failed to read or write, or the call was made inside a transaction.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The module cannot be reached; nothing has happened.
    #[error("module {module} cannot be reached")]
    Unavailable {
        /// The module's name.
        module: &'static str,
    },
    /// The call took too long.
    #[error("{module}.{method} did not respond in time")]
    DeadlineExceeded {
        /// The module's name.
        module: &'static str,
        /// The method's name.
        method: &'static str,
    },
    /// The connection broke after the call was sent: it may have had its effect.
    #[error("the response of {module}.{method} was lost: it is unknown whether the call took effect")]
    OutcomeUnknown {
        /// The module's name.
        module: &'static str,
        /// The method's name.
        method: &'static str,
    },
}
