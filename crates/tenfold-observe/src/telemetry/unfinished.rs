//! Requests that have no answer yet, as if they ended now: while everything hangs, nothing ends.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tenfold_data::{Boundary, CallUnderWay, CallsUnderWay, DatabaseCall, SpanId, Timestamp};
use tenfold_why::{PartKey, WideEvent};

use super::Telemetry;
use super::active::RunningRequest;
use super::spent::{PartTime, micros};
use super::work::StatementKey;

/// Requests that began so long ago count.
const LEAST: Duration = Duration::from_secs(1);

impl Telemetry {
    /// Sets the list of what the database has not answered yet. The first call decides.
    pub fn set_calls_under_way(&self, calls: Arc<CallsUnderWay>) {
        let _ = self.0.calls_under_way.set(calls);
    }

    /// The requests that have taken long so far, each at the moment at which it began.
    pub(super) fn unfinished(&self, now: Timestamp) -> Vec<WideEvent> {
        // First those: a request that ends between the two looks has had its answer.
        let calls = self.0.calls_under_way.get().map(|calls| calls.longer_than(Duration::ZERO));
        let mut by_work: HashMap<SpanId, Vec<CallUnderWay>> = HashMap::new();
        for call in calls.unwrap_or_default() {
            by_work.entry(call.work).or_default().push(call);
        }
        let running = self.0.active.running_requests(LEAST).into_iter();
        running.map(|running| event(running, now, &by_work)).collect()
    }
}

fn event(running: RunningRequest, now: Timestamp, calls: &HashMap<SpanId, Vec<CallUnderWay>>) -> WideEvent {
    let RunningRequest { beginning, took, organization, user, mut spent } = running;
    for call in calls.get(&beginning.span_id).into_iter().flatten() {
        let part = match &call.call {
            DatabaseCall::Statement(name) => StatementKey::part(name, call.site),
            DatabaseCall::Boundary(Boundary::Begin) => PartKey::PoolWait,
            DatabaseCall::Boundary(Boundary::Commit) => PartKey::Commit,
        };
        spent.add_with_waits(&part, PartTime::of(call.elapsed, &call.waits), false);
    }
    WideEvent {
        // It may have waited before its beginning was noted, and the clock may have been set since then.
        at_us: now.as_microsecond().saturating_sub(i64::try_from(took.as_micros()).unwrap_or(i64::MAX)),
        organization: organization.map(|id| id.0.as_u128()),
        user: user.map(|id| id.as_u128()),
        duration_us: micros(took),
        failed: false,
        error: None,
        trace: u128::from_be_bytes(beginning.trace_id.to_bytes()),
        waited_us: 0,
        parts: spent.0,
        name: beginning.name,
    }
}
