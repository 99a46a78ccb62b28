//! What the client cannot express.

use std::fmt;

/// Why a document gives no client: nothing is left out or typed as anything in silence.
#[derive(Debug)]
pub struct ClientError {
    place: String,
    reason: String,
}

impl ClientError {
    /// An error without a place yet: [`ClientError::at`] adds it on the way up.
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        ClientError { place: String::new(), reason: reason.into() }
    }

    /// The same error, with where it is in front of what is known so far.
    pub(crate) fn at(mut self, place: &str) -> Self {
        let separator = if self.place.is_empty() { "" } else { ", " };
        self.place = format!("{place}{separator}{}", self.place);
        self
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if self.place.is_empty() { "" } else { ": " };
        write!(formatter, "{}{separator}{}", self.place, self.reason)
    }
}

impl std::error::Error for ClientError {}
