//! Counts what became of the requests, by step and over time.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::exchange::{Observation, RequestEnd};
use crate::latencies::Latencies;

/// A run is shown in about this many parts, none shorter than this.
const SLICES: u32 = 60;
const SHORTEST_SLICE: Duration = Duration::from_millis(500);

/// What became of requests that were due in the measured time.
#[derive(Clone, Debug, Default)]
pub struct RequestCounts {
    /// Were due.
    pub due: u64,
    /// Were sent.
    pub sent: u64,
    /// Were answered with success.
    pub answered: u64,
    /// Were answered with 503 or 429.
    pub refused: u64,
    /// Got another status, no answer in time, or a broken connection.
    pub failed: u64,
    /// Were due and could not be sent.
    pub unsent: u64,
    /// How many answers with success came within the measured time, also to requests of the warm-up.
    pub within: u64,
    /// Of those with success, from the moment at which they were due.
    pub latencies: Latencies,
}

/// A part of the measured time.
#[derive(Clone, Debug, Default)]
pub struct LoadSlice {
    /// Requests that were due in it.
    pub due: u64,
    /// What came back in it.
    pub answered: u64,
    /// What was refused in it.
    pub refused: u64,
    /// What failed in it.
    pub failed: u64,
    /// Of requests that were due in it.
    pub latencies: Latencies,
}

/// All counts of a run.
#[derive(Debug)]
pub(crate) struct Tally {
    /// Without the warm-up.
    pub begin: Duration,
    pub end: Duration,
    pub total: RequestCounts,
    pub steps: Vec<RequestCounts>,
    pub slice: Duration,
    pub slices: Vec<LoadSlice>,
    /// From the moment at which a request was due until it was sent.
    pub late: Latencies,
    /// By step and reason.
    pub failures: BTreeMap<(usize, String), u64>,
}

impl Tally {
    /// For a run that is measured from `begin` to `end`.
    pub(crate) fn new(steps: usize, begin: Duration, end: Duration) -> Self {
        let slice = ((end - begin) / SLICES).max(SHORTEST_SLICE);
        Tally {
            begin,
            end,
            total: RequestCounts::default(),
            steps: vec![RequestCounts::default(); steps],
            slice,
            slices: Vec::new(),
            late: Latencies::default(),
            failures: BTreeMap::new(),
        }
    }

    pub(crate) fn add(&mut self, observation: &Observation) {
        let step = observation.arrival.step;
        let Observation { late, over_at, end, .. } = observation;
        if (self.begin..self.end).contains(over_at) {
            let slice = self.slice_at(*over_at);
            match end {
                RequestEnd::Answered(_) => slice.answered += 1,
                RequestEnd::Refused => slice.refused += 1,
                RequestEnd::Failed(_) => slice.failed += 1,
                RequestEnd::Unsent => {}
            }
            if matches!(end, RequestEnd::Answered(_)) {
                self.total.within += 1;
                self.steps[step].within += 1;
            }
        }
        let due = observation.arrival.at;
        if due < self.begin {
            return;
        }
        self.total.add(end);
        self.steps[step].add(end);
        let slice = self.slice_at(due);
        slice.due += 1;
        if let RequestEnd::Answered(latency) = end {
            slice.latencies.record(*latency);
        }
        match end {
            RequestEnd::Unsent => {}
            _ => self.late.record(*late),
        }
        if let RequestEnd::Failed(reason) = end {
            *self.failures.entry((step, reason.clone())).or_default() += 1;
        }
    }

    fn slice_at(&mut self, time: Duration) -> &mut LoadSlice {
        let place = (time - self.begin).as_nanos() / self.slice.as_nanos();
        let place = usize::try_from(place).unwrap_or_default();
        if self.slices.len() <= place {
            self.slices.resize_with(place + 1, LoadSlice::default);
        }
        &mut self.slices[place]
    }
}

impl RequestCounts {
    fn add(&mut self, end: &RequestEnd) {
        self.due += 1;
        self.sent += u64::from(!matches!(end, RequestEnd::Unsent));
        match end {
            RequestEnd::Answered(latency) => {
                self.answered += 1;
                self.latencies.record(*latency);
            }
            RequestEnd::Refused => self.refused += 1,
            RequestEnd::Failed(_) => self.failed += 1,
            RequestEnd::Unsent => self.unsent += 1,
        }
    }
}
