//! Measures what is sent to the database, also when nobody waits for its answer any more.

use std::sync::Arc;
use std::time::Duration;

use crate::under_way::{CallsUnderWay, OpenCall};
use crate::waited::{DatabaseWaits, WaitMeter};

/// How long a statement took, and what of it were waits.
pub(crate) struct StatementTime {
    pub elapsed: Duration,
    pub waits: DatabaseWaits,
}

impl From<Duration> for StatementTime {
    fn from(elapsed: Duration) -> Self {
        StatementTime { elapsed, waits: DatabaseWaits::default() }
    }
}

/// Something that is under way.
///
/// If it is dropped before it ends, `given_up` is told its time so far: the limit of its transaction or the deadline of its request has
/// passed, or its client has left. So what waits for a lock until it is cut off is seen as well.
pub(crate) struct TimedCall<'a, G: FnOnce(StatementTime)> {
    calls: &'a CallsUnderWay,
    call: Arc<OpenCall>,
    given_up: Option<G>,
}

impl<'a, G: FnOnce(StatementTime)> TimedCall<'a, G> {
    pub(crate) fn begin(calls: &'a CallsUnderWay, call: OpenCall, given_up: G) -> Self {
        TimedCall { calls, call: calls.begin(call), given_up: Some(given_up) }
    }

    /// What it waits for is told to this.
    pub(crate) fn meter(&self) -> &WaitMeter {
        &self.call.meter
    }

    /// It has ended, with or without success.
    pub(crate) fn end(mut self) -> StatementTime {
        self.given_up = None;
        self.time()
    }

    fn time(&self) -> StatementTime {
        StatementTime { elapsed: self.call.began.elapsed(), waits: self.call.meter.waits() }
    }
}

impl<G: FnOnce(StatementTime)> Drop for TimedCall<'_, G> {
    fn drop(&mut self) {
        self.calls.end(&self.call);
        if let Some(given_up) = self.given_up.take() {
            given_up(self.time());
        }
    }
}
