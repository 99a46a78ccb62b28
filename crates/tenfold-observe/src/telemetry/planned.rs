//! Which statements the database should be asked about, and what it said.

use std::sync::Arc;

use tenfold_why::{ChangeKind, Diagnosis, DiagnosisState, LedgerChange, PlanPair, StatementPlace};

use super::rollup::MINUTES;
use super::{StatementKey, Telemetry};

/// A statement takes longer if one run takes at least this many times as long as before.
const LONGER: f64 = 1.2;
impl Telemetry {
    /// Begins to keep the plans of statements.
    pub fn keep_plans(&self) {
        self.0.plans.begin();
    }

    /// At most `most` statements that ran, and whose plan is not known.
    pub fn unplanned(&self, most: usize) -> Vec<Arc<StatementKey>> {
        if !self.0.plans.is_on() {
            return Vec::new();
        }
        let now = self.now();
        let all = self.0.statements.all();
        let lacking = all.iter().filter(|series| self.0.plans.lacks(&series.key, now.as_microsecond()));
        // One that only ever failed may be no single statement.
        let lacking = lacking.filter(|series| {
            let summary = series.minutes.sum(now, MINUTES);
            summary.count > summary.errors
        });
        lacking.take(most).map(|series| Arc::clone(&series.key)).collect()
    }

    /// At most `most` statements whose plan was not asked for during the last fifty minutes.
    pub fn aged_plans(&self, most: usize) -> Vec<Arc<StatementKey>> {
        let now_us = self.now().as_microsecond();
        let all = self.0.statements.all();
        let aged = all.iter().filter(|series| self.0.plans.is_aged(&series.key, now_us));
        aged.take(most).map(|series| Arc::clone(&series.key)).collect()
    }

    /// The statements of an answer that take longer, and whose plans may be taken again now: once a minute each. They count as
    /// taken.
    pub fn slower(&self, answer: &Diagnosis) -> Vec<Arc<StatementKey>> {
        if answer.state == DiagnosisState::NoIncident || !self.0.plans.is_on() {
            return Vec::new();
        }
        let now_us = self.now().as_microsecond();
        let slower = answer.parts.iter().filter(|part| part.change.slower() >= LONGER);
        let places = slower.filter_map(|part| part.change.part.statement());
        let due: Vec<&Arc<StatementPlace>> =
            places.filter(|place| self.0.plans.retake(place, now_us)).collect();
        if due.is_empty() {
            return Vec::new();
        }
        let is_due = |key: &StatementKey| key.part.statement().is_some_and(|place| due.contains(&place));
        let all = self.0.statements.all();
        all.iter().filter(|series| is_due(&series.key)).map(|series| Arc::clone(&series.key)).collect()
    }

    /// Keeps what the database said about statements, `None` for one that it does not plan. A plan that is not the one before is a change.
    /// Whether there was one.
    pub fn keep(&self, plans: impl IntoIterator<Item = (Arc<StatementKey>, Option<String>)>) -> bool {
        let now_us = self.now().as_microsecond();
        let mut has_changed = false;
        for (key, plan) in plans {
            let Some(changed) = self.0.plans.keep(&key, plan, now_us) else { continue };
            has_changed = true;
            self.note(LedgerChange {
                unseen_us: Some(changed.unseen_us),
                statements: Some(vec![key.name.clone()]),
                ..LedgerChange::new(ChangeKind::Plan, changed.what, now_us)
            });
        }
        has_changed
    }

    /// The plan of a statement that was seen last, and the different one that was seen before.
    pub fn plans_of(&self, statement: &StatementKey) -> PlanPair {
        self.0.plans.latest(statement)
    }

    /// The names of the statements whose plan uses an index.
    pub fn statements_with_index(&self, index: &str) -> Vec<String> {
        self.0.plans.users_of(index)
    }

    /// The names of the statements whose text names a table.
    pub fn statements_with_table(&self, table: &str) -> Vec<String> {
        let all = self.0.statements.all();
        let names = all.iter().filter(|series| tenfold_why::names_word(&series.key.text, table));
        names.map(|series| series.key.name.clone()).collect()
    }

    /// Adds the plans to the statements of an answer.
    pub(super) fn add_plans(&self, answer: &mut Diagnosis) {
        let Some(since_us) = answer.since_us else { return };
        for part in &mut answer.parts {
            if let Some(place) = part.change.part.statement() {
                part.plan = self.0.plans.around(place, since_us);
            }
        }
    }
}
