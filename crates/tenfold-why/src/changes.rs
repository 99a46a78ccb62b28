//! The ledger of changes: what was done to the application or by it, and when.

use std::collections::VecDeque;

/// How many changes are kept.
const MOST: usize = 1_000;
/// A cause may be recorded this long after its effect: a process notes its start once it is ready.
const SLACK_S: f64 = 3.0;
/// How long before the onset a change still is a likely cause: its weight falls to 37 % in this time.
const FADE_S: f64 = 120.0;

/// The kind of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// A process started with a version.
    Deploy,
    /// Migrations were applied.
    Migration,
    /// A setting has another value.
    Setting,
    /// A job that takes long began.
    Job,
    /// An organization sends more requests than before.
    Surge,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerChange {
    /// Its kind.
    pub kind: ChangeKind,
    /// What changed, in words.
    pub what: String,
    /// When, in microseconds since 1970.
    pub at_us: i64,
    /// The organization that it is about.
    pub organization: Option<u128>,
}

/// The newest changes.
#[derive(Clone, Debug, Default)]
pub struct ChangeLedger(VecDeque<LedgerChange>);

impl ChangeLedger {
    /// Adds a change, unless it is there; beyond 1,000 the oldest is forgotten.
    pub fn add(&mut self, change: LedgerChange) {
        if self.0.contains(&change) {
            return;
        }
        if self.0.len() >= MOST {
            self.0.pop_front();
        }
        self.0.push_back(change);
    }

    /// All changes, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = &LedgerChange> {
        self.0.iter()
    }
}

/// How well a change explains an onset by its time: 1 just before it, less the earlier it was, 0 after it.
pub(crate) fn closeness(lead_s: f64) -> f64 {
    if lead_s < -SLACK_S { 0.0 } else { (-lead_s.max(0.0) / FADE_S).exp() }
}

impl ChangeKind {
    /// How likely a change of this kind is to be a cause at all: jobs start all the time.
    pub(crate) fn weight(self) -> f64 {
        match self {
            ChangeKind::Deploy | ChangeKind::Migration | ChangeKind::Surge => 1.0,
            ChangeKind::Setting => 0.9,
            ChangeKind::Job => 0.7,
        }
    }
}
