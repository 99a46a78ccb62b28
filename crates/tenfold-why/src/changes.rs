//! The ledger of changes: what was done to the application or by it, and when.

use std::collections::VecDeque;

/// How many changes are kept.
const MOST: usize = 1_000;
/// A cause may be recorded this long after its effect: a process notes its start once it is ready.
const SLACK_S: f64 = 3.0;
/// How long before the onset a change still is a likely cause: its weight falls to 37 % in this time.
const FADE_S: f64 = 120.0;

/// A change that happened some time in a longer window than this, in seconds, is less likely to have been at the onset: in twice
/// the window half as likely. Plans are looked at again within that time.
const WINDOW_S: f64 = 3_600.0;

/// The kind of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// A process started with a version.
    Deploy,
    /// Migrations were applied.
    Migration,
    /// A setting has another value.
    Setting,
    /// Jobs run at other times: a schedule was added or has another text, a queue was paused or resumed.
    Schedule,
    /// A job that takes long began.
    Job,
    /// An organization sends more requests than before.
    Surge,
    /// A table or an index was made, altered or dropped beside the process.
    Schema,
    /// The database runs a statement in another way.
    Plan,
    /// The database tidied up: a vacuum, new statistics, a checkpoint; or has not for long.
    Maintenance,
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
    /// If it was noticed later than it happened: when it was looked at last and had not happened yet, in microseconds since 1970.
    pub unseen_us: Option<i64>,
    /// The names of the statements that it concerns, if that is known. It explains what these take longer, and little else.
    pub statements: Option<Vec<String>>,
    /// For how many changes it stands, which are alike and followed each other; 1 for a single one.
    pub times: u32,
}

impl LedgerChange {
    /// A change at a moment that is known.
    pub fn new(kind: ChangeKind, what: String, at_us: i64) -> Self {
        LedgerChange { kind, what, at_us, organization: None, unseen_us: None, statements: None, times: 1 }
    }

    /// What changed, with how often if it was more than once.
    pub fn text(&self) -> String {
        match self.times {
            0 | 1 => self.what.clone(),
            times => format!("{} ({times} times)", self.what),
        }
    }

    /// How long the time is in which it may have happened, in seconds: 0 if the moment is known.
    pub(crate) fn window_s(&self) -> f64 {
        self.unseen_us.map_or(0.0, |unseen_us| self.at_us.saturating_sub(unseen_us).max(0) as f64 / 1e6)
    }

    /// How likely it is, by the length of that time, that it was at the onset: 1 for an hour and less.
    pub(crate) fn certainty(&self) -> f64 {
        WINDOW_S / self.window_s().max(WINDOW_S)
    }

    /// How long before the onset it was, in seconds. It may have been at any time between the two at which it was looked at.
    pub(crate) fn lead_s(&self, onset_s: f64) -> f64 {
        let at = self.at_us as f64 / 1e6;
        let unseen = self.unseen_us.map_or(at, |unseen| unseen as f64 / 1e6).min(at);
        onset_s - onset_s.clamp(unseen, at)
    }
}

/// The newest changes.
#[derive(Clone, Debug, Default)]
pub struct ChangeLedger(VecDeque<LedgerChange>);

impl ChangeLedger {
    /// Adds a change, unless it is there; beyond 1,000 the oldest is forgotten, that of the database's maintenance first.
    pub fn add(&mut self, change: LedgerChange) {
        if self.0.contains(&change) {
            return;
        }
        if self.0.len() >= MOST {
            // What happens all the time must not push out what is rare.
            let least = self.0.iter().position(|change| change.kind == ChangeKind::Maintenance);
            self.0.remove(least.unwrap_or(0));
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
    /// Whether what it does to a request, it does to the next one. A job and a surge may take a while until they are
    /// felt, and a schedule until it fires.
    pub(crate) fn acts_at_once(self) -> bool {
        match self {
            ChangeKind::Deploy | ChangeKind::Migration | ChangeKind::Setting => true,
            ChangeKind::Schema | ChangeKind::Plan | ChangeKind::Maintenance => true,
            ChangeKind::Job | ChangeKind::Schedule | ChangeKind::Surge => false,
        }
    }

    /// How likely a change of this kind is to be a cause at all: jobs start all the time.
    pub(crate) fn weight(self) -> f64 {
        match self {
            ChangeKind::Deploy | ChangeKind::Migration | ChangeKind::Surge | ChangeKind::Schema => 1.0,
            // Whatever made the database choose another plan is told first, if it is known.
            ChangeKind::Plan => 0.95,
            ChangeKind::Setting | ChangeKind::Schedule => 0.9,
            ChangeKind::Job => 0.7,
            // It happens all the time.
            ChangeKind::Maintenance => 0.3,
        }
    }
}
