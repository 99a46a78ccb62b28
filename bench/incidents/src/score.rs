//! How many answers were right.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::case::CaseOutcome;
use crate::world::{ORGANIZATIONS, organization};

/// Right answers of so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RightOf {
    /// How many were right.
    pub right: usize,
    /// How many there were.
    pub all: usize,
}

/// The right answers among all.
#[derive(Debug, Default)]
pub struct IncidentScore {
    /// The first endpoint.
    pub endpoints: RightOf,
    /// The first part: a statement at its line, COMMIT, another service, or the endpoint's own code. Where the endpoint was right.
    pub statements: RightOf,
    /// The first change, where the fault has a cause in the ledger.
    pub causes: RightOf,
    /// By how many seconds the onset was missed.
    pub onsets_s: Vec<i64>,
    /// F1 of the organizations.
    pub f1: Vec<f64>,
    /// How long the answers took.
    pub took: Vec<Duration>,
    /// What was wrong, for people.
    pub missed: Vec<String>,
}

impl RightOf {
    fn add(&mut self, is_right: bool) {
        self.all += 1;
        self.right += usize::from(is_right);
    }

    /// The share, from 0 to 1; 1 of nothing.
    pub fn share(self) -> f64 {
        if self.all == 0 { 1.0 } else { self.right as f64 / self.all as f64 }
    }
}

impl IncidentScore {
    /// Adds a case; `seed` is for what is said of a miss.
    pub fn add(&mut self, seed: u64, outcome: &CaseOutcome) {
        let CaseOutcome { world, fault, answer, took } = outcome;
        let kind = fault.kind;
        self.took.push(*took);
        let hit = world.hit_by(fault);
        let is_right = answer.endpoints.first().is_some_and(|found| hit.contains(&&*found.name));
        self.endpoints.add(is_right);
        if !is_right {
            self.missed.push(format!("{kind:?} {seed}: endpoint: {}", answer.verdict));
            return;
        }
        self.onsets_s.push((answer.since_us.unwrap_or(0) / 1_000_000 - fault.onset_s).abs());
        let is_right = answer.parts.first().is_some_and(|found| found.change.part == fault.part);
        self.statements.add(is_right);
        if !is_right {
            self.missed.push(format!("{kind:?} {seed}: statement: {}", answer.verdict));
        }
        if let Some(cause) = kind.cause() {
            let first = answer.changes.first().map(|found| (found.change.kind, &*found.change.what));
            let is_right = first.is_some_and(|(kind, what)| kind == cause && what != "innocent");
            self.causes.add(is_right);
            if !is_right {
                self.missed.push(format!("{kind:?} {seed}: cause: {:?} {}", answer.changes, answer.verdict));
            }
        }
        self.add_people(seed, outcome);
    }

    /// Of the fault's organizations, which were found.
    fn add_people(&mut self, seed: u64, outcome: &CaseOutcome) {
        let fault = &outcome.fault;
        let all: Vec<u128> = (0..ORGANIZATIONS).map(organization).collect();
        let truth = if fault.organizations.is_empty() { all } else { fault.organizations.clone() };
        let truth: BTreeSet<u128> = truth.into_iter().collect();
        let found: BTreeSet<u128> = outcome.answer.organizations.iter().map(|party| party.id).collect();
        let right = truth.intersection(&found).count() as f64;
        let f1 = 2.0 * right / (truth.len() + found.len()) as f64;
        self.f1.push(f1);
        if f1 < 0.8 {
            let (kind, some, all) = (fault.kind, found.len(), truth.len());
            self.missed.push(format!("{kind:?} {seed}: organizations {f1:.2}: {some} of {all}"));
        }
    }

    /// The mean F1 of the organizations; 1 of nothing.
    pub fn mean_f1(&self) -> f64 {
        if self.f1.is_empty() { 1.0 } else { self.f1.iter().sum::<f64>() / self.f1.len() as f64 }
    }

    /// The median of the onsets' errors, in seconds.
    pub fn median_onset_s(&self) -> i64 {
        let mut sorted = self.onsets_s.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied().unwrap_or(0)
    }
}
