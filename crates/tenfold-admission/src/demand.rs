//! How much each flow asks for, measured when its requests are sent: what is refused counts as well, or a flow would
//! seem modest because nothing of it is served.

use std::collections::HashMap;
use std::time::Duration;

use crate::Flow;

/// Requests are forgotten evenly, and mostly after this many seconds.
const MEMORY: f64 = 2.0;
/// A flow that asks for more than this many times as much as the others do on average is greedy.
const GREEDY: f64 = 2.0;
/// A single request more or less says nothing: below this many a flow is never greedy.
const FEW: f64 = 8.0;
/// How often flows that have ended are forgotten.
const SWEEP_EVERY: Duration = Duration::from_secs(2);
/// A flow with less than this has ended.
const ENDED: f64 = 0.1;
/// How many flows are told apart. One more counts as modest.
const MOST_FLOWS: usize = 10_000;

/// A number of requests that decays.
#[derive(Clone, Copy, Default)]
struct Decaying {
    count: f64,
    at: Duration,
}

impl Decaying {
    fn at(&mut self, now: Duration) -> &mut f64 {
        let age = now.saturating_sub(self.at).as_secs_f64();
        self.count *= (-age / MEMORY).exp();
        self.at = now;
        &mut self.count
    }
}

/// What all flows ask for.
#[derive(Default)]
pub(crate) struct Demand {
    flows: HashMap<Flow, Decaying>,
    total: Decaying,
    swept: Duration,
}

impl Demand {
    /// A request of this flow is sent; whether the flow asks for far more than the others do.
    pub(crate) fn sends(&mut self, now: Duration, flow: Flow) -> bool {
        if now.saturating_sub(self.swept) > SWEEP_EVERY {
            self.swept = now;
            self.flows.retain(|_, asked| *asked.at(now) > ENDED);
        }
        if self.flows.len() >= MOST_FLOWS && !self.flows.contains_key(&flow) {
            return false;
        }
        let asked = self.flows.entry(flow).or_default().at(now);
        *asked += 1.0;
        let asked = *asked;
        let total = self.total.at(now);
        *total += 1.0;
        let others = self.flows.len() - 1;
        asked > FEW && others > 0 && asked > GREEDY * (*total - asked) / others as f64
    }
}
