//! The traces that are kept: errors, slow ones, those in which something repeated, and examples.
//!
//! The decision is made when a request or job ends (tail sampling), so that no interesting trace is lost to
//! chance. Each reason has its own bound, so that a flood of errors does not push out everything else.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tenfold_data::{Timestamp, TraceId};

use super::histogram::bucket;
use super::work::{Kept, Work};

/// How many traces are kept for each reason.
const BOUNDS: [(Kept, usize); 5] = [
    (Kept::Error, 200),
    (Kept::Slow, 200),
    (Kept::Exemplar, 400),
    (Kept::Related, 400),
    (Kept::Repeated, 200),
];

/// The kept traces.
#[derive(Debug, Default)]
pub(super) struct Store {
    kept: HashMap<TraceId, Vec<Arc<Work>>>,
    /// The traces of each reason in the order of their arrival.
    order: [VecDeque<TraceId>; 5],
    /// The exemplars of this minute: the index of the name, and the bucket of the duration.
    exemplars: HashSet<(usize, u8)>,
    /// The names in which something repeated in this minute.
    repeated: HashSet<usize>,
    minute: i64,
}

impl Store {
    /// Keeps work for the reason that it has.
    pub(super) fn keep(&mut self, work: Arc<Work>) {
        let (trace, kept) = (work.beginning.trace_id, work.kept);
        self.kept.entry(trace).or_default().push(work);
        let (sort, bound) = place(kept);
        self.order[sort].push_back(trace);
        while self.order[sort].len() > bound {
            if let Some(oldest) = self.order[sort].pop_front() {
                self.forget(oldest, kept);
            }
        }
    }

    /// All kept pieces of a trace, in the order of their start.
    pub(super) fn trace(&self, trace: TraceId) -> Vec<Arc<Work>> {
        let mut pieces = self.kept.get(&trace).cloned().unwrap_or_default();
        pieces.sort_by_key(|work| work.beginning.at);
        pieces
    }

    /// Every piece of work that is kept.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Work>> {
        self.kept.values().flatten()
    }

    /// Why the work is worth keeping, if it is. `name` is the index of its name, `usual` the 99th percentile of that name.
    pub(super) fn reason(
        &mut self,
        work: &Work,
        name: usize,
        usual: Option<Duration>,
        now: Timestamp,
    ) -> Option<Kept> {
        let minute = now.as_second().div_euclid(60);
        if self.minute != minute {
            self.minute = minute;
            self.exemplars.clear();
            self.repeated.clear();
        }
        let is_first =
            self.exemplars.len() < BOUNDS[2].1 && self.exemplars.insert((name, bucket(work.duration)));
        let is_repeat =
            !work.repeats.is_empty() && self.repeated.len() < BOUNDS[4].1 && self.repeated.insert(name);
        let is_slow = usual.is_some_and(|usual| work.duration > usual);
        if work.ending.is_error() {
            Some(Kept::Error)
        } else if is_slow {
            Some(Kept::Slow)
        } else if is_repeat {
            Some(Kept::Repeated)
        } else if is_first {
            Some(Kept::Exemplar)
        } else {
            self.kept.contains_key(&work.beginning.trace_id).then_some(Kept::Related)
        }
    }

    /// Removes the oldest piece kept for this reason from its trace.
    fn forget(&mut self, trace: TraceId, kept: Kept) {
        let Some(pieces) = self.kept.get_mut(&trace) else { return };
        if let Some(oldest) = pieces.iter().position(|work| work.kept == kept) {
            pieces.remove(oldest);
        }
        if pieces.is_empty() {
            self.kept.remove(&trace);
        }
    }
}

fn place(kept: Kept) -> (usize, usize) {
    let sort = BOUNDS.iter().position(|(sort, _)| *sort == kept).unwrap_or(0);
    (sort, BOUNDS[sort].1)
}
