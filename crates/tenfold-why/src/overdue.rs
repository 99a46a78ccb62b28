//! What is known of requests that are overdue.

use crate::event::WideEvent;

/// Requests of an endpoint that are overdue, and more than chance.
#[derive(Clone, Debug)]
pub(crate) struct OverdueRequests {
    pub all: Vec<WideEvent>,
    /// The probability of as many by chance.
    pub p: f64,
}

impl OverdueRequests {
    /// The second in which the first of them began.
    pub(crate) fn began(&self) -> u32 {
        self.all.iter().map(WideEvent::second).min().unwrap_or(0)
    }
}
