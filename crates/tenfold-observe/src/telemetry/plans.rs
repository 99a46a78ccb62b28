//! How the database runs the statements that this process has sent: what it chose last, and what it chose before.
//!
//! It does not ask the database itself. It keeps what the database has said, once for each statement that is told apart.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tenfold_why::{PlanPair, StatementPlace, has_passed, names_word, plan_change};

use super::rollup::SERIES_LIMIT;
use super::work::StatementKey;

/// The longest plan that is kept, in bytes.
const LONGEST: usize = 4_096;
/// A statement whose plan could not be had is asked about again after this time.
const AGAIN_US: i64 = 3_600_000_000;
/// A known plan is asked for again after this time, so that a change of it was noticed within an hour.
const RENEW_US: i64 = 3_000_000_000;
/// The plan of a slow statement is taken again at most this often.
const RETAKE_US: i64 = 60_000_000;

/// The plans of a process.
#[derive(Debug, Default)]
pub(super) struct PlanBook {
    is_on: AtomicBool,
    known: Mutex<KnownPlans>,
}

type KnownPlans = HashMap<Arc<StatementPlace>, KnownPlan>;

/// What is known of one statement.
#[derive(Debug)]
struct KnownPlan {
    /// The statement whose plan it is: another one may have its name at the same line.
    of: Option<Arc<StatementKey>>,
    /// When the database was asked last, in microseconds since 1970.
    asked_us: i64,
    /// When it was asked again because the statement had become slow.
    retaken_us: Option<i64>,
    now: Option<SeenPlan>,
    before: Option<SeenPlan>,
}

/// A plan, and between which times it was seen.
#[derive(Clone, Debug)]
struct SeenPlan {
    text: String,
    first_us: i64,
    last_us: i64,
}

/// A plan that is not the one before.
pub(super) struct ChangedPlan {
    /// What changed, in words.
    pub what: String,
    /// When the one before was seen last.
    pub unseen_us: i64,
}

impl PlanBook {
    pub(super) fn begin(&self) {
        self.is_on.store(true, Ordering::Release);
    }

    pub(super) fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Acquire)
    }

    /// Whether the database should be asked about a statement for the first time, or again because it gave no plan.
    pub(super) fn lacks(&self, key: &StatementKey, now_us: i64) -> bool {
        let Some(place) = key.part.statement() else { return false };
        let known = self.known();
        match known.get(place) {
            Some(known) => known.now.is_none() && has_passed(AGAIN_US, known.asked_us, now_us),
            None => known.len() < SERIES_LIMIT,
        }
    }

    /// Whether a known plan is so old that it should be asked for again.
    pub(super) fn is_aged(&self, key: &StatementKey, now_us: i64) -> bool {
        let known = self.known();
        let known = key.part.statement().and_then(|place| known.get(place));
        known.is_some_and(|known| known.now.is_some() && has_passed(RENEW_US, known.asked_us, now_us))
    }

    /// Whether the plan of a slow statement may be taken again; then it counts as taken.
    pub(super) fn retake(&self, place: &Arc<StatementPlace>, now_us: i64) -> bool {
        let mut known = self.known();
        let Some(known) = entry(&mut known, place, now_us) else { return false };
        let is_due = known.retaken_us.is_none_or(|retaken_us| has_passed(RETAKE_US, retaken_us, now_us));
        if is_due {
            known.retaken_us = Some(now_us);
        }
        is_due
    }

    /// Keeps what the database said about a statement; `None` if it has no plan for it. Says what changed.
    pub(super) fn keep(
        &self,
        key: &Arc<StatementKey>,
        plan: Option<String>,
        now_us: i64,
    ) -> Option<ChangedPlan> {
        let mut known = self.known();
        let known = entry(&mut known, key.part.statement()?, now_us)?;
        if known.of.get_or_insert_with(|| Arc::clone(key)).text != key.text {
            return None;
        }
        known.asked_us = now_us;
        let mut text = plan?;
        text.truncate(text.floor_char_boundary(LONGEST));
        let Some(seen) = &mut known.now else {
            known.now = Some(SeenPlan { text, first_us: now_us, last_us: now_us });
            return None;
        };
        let Some(change) = plan_change(&seen.text, &text) else {
            seen.last_us = now_us;
            return None;
        };
        let before = std::mem::replace(seen, SeenPlan { text, first_us: now_us, last_us: now_us });
        let what = format!("the plan of {} changed: {change}", key.name);
        let unseen_us = before.last_us;
        known.before = Some(before);
        Some(ChangedPlan { what, unseen_us })
    }

    /// The plans around the onset of an incident.
    pub(super) fn around(&self, place: &StatementPlace, onset_us: i64) -> PlanPair {
        let known = self.known();
        let Some(KnownPlan { now: Some(now), before, .. }) = known.get(place) else {
            return PlanPair::default();
        };
        let is_since = (now.last_us >= onset_us).then(|| now.text.clone());
        if now.first_us <= onset_us {
            return PlanPair { before: Some(now.text.clone()), now: is_since };
        }
        let before = before.as_ref().filter(|before| before.first_us <= onset_us);
        PlanPair { before: before.map(|before| before.text.clone()), now: is_since }
    }

    /// The plan that was seen last, and the different one before it.
    pub(super) fn latest(&self, key: &StatementKey) -> PlanPair {
        let text = |seen: &Option<SeenPlan>| seen.as_ref().map(|seen| seen.text.clone());
        let known = self.known();
        let known = key.part.statement().and_then(|place| known.get(place));
        known.map_or_else(PlanPair::default, |known| PlanPair {
            before: text(&known.before),
            now: text(&known.now),
        })
    }

    /// The names of the statements whose plan uses an index.
    pub(super) fn users_of(&self, index: &str) -> Vec<String> {
        let known = self.known();
        let uses = |known: &KnownPlan| known.now.as_ref().is_some_and(|now| names_word(&now.text, index));
        known.iter().filter(|(_, known)| uses(known)).map(|(place, _)| place.name.clone()).collect()
    }

    fn known(&self) -> MutexGuard<'_, KnownPlans> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KnownPlan {
    fn new(asked_us: i64) -> Self {
        KnownPlan { of: None, asked_us, retaken_us: None, now: None, before: None }
    }
}

/// What is known of a statement, or begins to be; `None` if there is no room for another one.
fn entry<'k>(
    known: &'k mut KnownPlans,
    place: &Arc<StatementPlace>,
    now_us: i64,
) -> Option<&'k mut KnownPlan> {
    if !known.contains_key(place) && known.len() >= SERIES_LIMIT {
        return None;
    }
    Some(known.entry(Arc::clone(place)).or_insert_with(|| KnownPlan::new(now_us)))
}
