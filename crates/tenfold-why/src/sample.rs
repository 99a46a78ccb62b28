//! Single requests and jobs: all recent ones, and some of the older ones.

use std::collections::{HashMap, VecDeque};

use crate::seconds::second_of;

/// How many older events of one endpoint are kept for each minute.
const QUOTA: u32 = 64;

/// One request or job, without its parts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EventSample {
    /// When it ended, in microseconds since 1970.
    pub at_us: i64,
    /// Its organization; 0 for none.
    pub organization: u128,
    /// Its user; 0 for none.
    pub user: u128,
    /// Its trace.
    pub trace: u128,
    /// How long it took, in milliseconds.
    pub ms: f32,
    /// How long it waited in its queue before, in milliseconds.
    pub waited_ms: f32,
    /// The index of its endpoint in its journal.
    pub endpoint: u16,
    /// The index of its error in its journal; 0 for none.
    pub error: u16,
    /// Whether it failed.
    pub failed: bool,
}

impl EventSample {
    /// The second in which it began, since 1970.
    pub(crate) fn began_second(&self) -> u32 {
        second_of(self.at_us - (f64::from(self.ms) * 1_000.0) as i64)
    }
}

/// Two rings: when an event leaves the ring of recent ones, it may enter the ring of older ones.
///
/// Under load the recent ring holds seconds only. The older ring is thinned for each endpoint, so that what came before
/// an onset is still there when somebody asks.
#[derive(Clone, Debug)]
pub(crate) struct Samples {
    most: usize,
    recent: VecDeque<EventSample>,
    older: VecDeque<EventSample>,
    minute: i64,
    taken: HashMap<u16, u32>,
}

impl Samples {
    pub(crate) fn new(most: usize) -> Self {
        let (recent, older, taken) = (VecDeque::new(), VecDeque::new(), HashMap::new());
        Samples { most: most.max(1), recent, older, minute: 0, taken }
    }

    pub(crate) fn push(&mut self, event: EventSample) {
        if self.recent.len() >= self.most
            && let Some(leaving) = self.recent.pop_front()
        {
            self.keep(leaving);
        }
        self.recent.push_back(event);
    }

    fn keep(&mut self, event: EventSample) {
        let minute = event.at_us.div_euclid(60_000_000);
        if minute != self.minute {
            self.minute = minute;
            self.taken.clear();
        }
        let taken = self.taken.entry(event.endpoint).or_default();
        if *taken >= QUOTA {
            return;
        }
        *taken += 1;
        if self.older.len() >= self.most {
            self.older.pop_front();
        }
        self.older.push_back(event);
    }

    /// The recent events, the newest first.
    pub(crate) fn newest_first(&self) -> impl Iterator<Item = &EventSample> {
        self.recent.iter().rev()
    }

    /// All kept events.
    pub(crate) fn all(&self) -> impl Iterator<Item = &EventSample> {
        self.older.iter().chain(&self.recent)
    }

    /// The kept events of one endpoint from `first` to before `end`, in microseconds.
    pub(crate) fn of(&self, endpoint: u16, first: i64, end: i64) -> Vec<&EventSample> {
        self.all().filter(|event| event.endpoint == endpoint && (first..end).contains(&event.at_us)).collect()
    }
}
