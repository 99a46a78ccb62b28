//! Loops of starts: a process that ends again and again, and whose supervisor starts it anew.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use crate::changes::{ChangeKind, LedgerChange, closeness};

/// A start this long or less after one with the same text, in microseconds, is the next one of a loop. Supervisors wait for up to five minutes
/// (Kubernetes), and the process ran for a moment before.
pub const LOOP_US: i64 = 360_000_000;
/// A setting or a migration that is noted this long or less after a start, in microseconds, came with it.
const WITH_US: i64 = 60_000_000;

/// For each of these changes, the place of the start that began its loop; its own place if it is no later start of one. The changes are in the
/// order of their time, a start before what came with it.
///
/// A start with which something came is no later one of a loop, since it was not the same as the one before.
pub fn loop_starts<C: Borrow<LedgerChange>>(changes: &[C]) -> Vec<usize> {
    let mut begun: Vec<usize> = (0..changes.len()).collect();
    let mut before: Option<usize> = None;
    for (place, change) in changes.iter().map(Borrow::<LedgerChange>::borrow).enumerate() {
        if change.kind != ChangeKind::Deploy {
            continue;
        }
        if let Some(before) = before.replace(place) {
            let last: &LedgerChange = changes[before].borrow();
            let is_again = last.what == change.what && change.at_us.saturating_sub(last.at_us) <= LOOP_US;
            if is_again && !brings(change, &changes[place + 1..]) {
                begun[place] = begun[before];
            }
        }
    }
    begun
}

/// Whether a setting or a migration came with a start.
fn brings<C: Borrow<LedgerChange>>(start: &LedgerChange, later: &[C]) -> bool {
    let later =
        later.iter().map(Borrow::<LedgerChange>::borrow).take_while(|next| next.kind != ChangeKind::Deploy);
    let mut soon = later.take_while(|next| came_with(next, start));
    soon.any(|next| matches!(next.kind, ChangeKind::Setting | ChangeKind::Migration))
}

fn came_with(change: &LedgerChange, start: &LedgerChange) -> bool {
    change.at_us.saturating_sub(start.at_us) <= WITH_US
}

/// The same changes, where a loop of starts is its first one, with how often it was. They are in the order of their time, a start before what
/// came with it.
pub fn with_loops_as_one(changes: Vec<LedgerChange>) -> Vec<LedgerChange> {
    let begun = loop_starts(&changes);
    let mut later = vec![0_u32; changes.len()];
    for (place, first) in begun.iter().enumerate().filter(|(place, first)| place != *first) {
        later[*first] = later[*first].saturating_add(changes[place].times);
    }
    let places = changes.into_iter().enumerate().filter(|(place, _)| begun[*place] == *place);
    places
        .map(|(place, change)| LedgerChange { times: change.times.saturating_add(later[place]), ..change })
        .collect()
}

/// A change, or a loop of starts, that may be the cause of an onset.
pub(crate) struct PossibleCause {
    /// The change. Of a loop it is the start next to the onset, and its text says how often it was.
    pub change: LedgerChange,
    /// Its text without how often.
    pub what: String,
    /// How long before the onset it was, in seconds.
    pub lead_s: f64,
    /// How long before the onset it had its effect for the last time. What came with the first start of a loop has it with each of them.
    pub felt_s: f64,
    /// When it began, in microseconds since 1970: of a loop, when its first start was.
    pub began_us: i64,
}

/// A loop of starts.
#[derive(Clone, Copy)]
struct StartLoop {
    /// The place of the start next to the onset.
    nearest: usize,
    times: u32,
}

/// What may be the cause of an onset, in the order of time. `onset_s` is in seconds since 1970.
pub(crate) fn possible_causes<'a>(
    changes: impl Iterator<Item = &'a LedgerChange>,
    onset_s: f64,
) -> Vec<PossibleCause> {
    let mut changes: Vec<&LedgerChange> = changes.collect();
    changes.sort_by_key(|change| (change.at_us, change.kind != ChangeKind::Deploy));
    let begun = loop_starts(&changes);
    let nearness = |place: usize| closeness(changes[place].lead_s(onset_s));
    let mut loops: BTreeMap<usize, StartLoop> = BTreeMap::new();
    let mut found = Vec::new();
    for (place, change) in changes.iter().enumerate().filter(|(_, change)| change.kind == ChangeKind::Deploy)
    {
        let of = loops.entry(begun[place]).or_insert(StartLoop { nearest: place, times: 0 });
        of.times = of.times.saturating_add(change.times);
        if nearness(place) >= nearness(of.nearest) {
            of.nearest = place;
        }
    }
    for (place, change) in changes.iter().enumerate().filter(|(place, _)| begun[*place] == *place) {
        let of_loop = loops.get(&place).map(|of| (of.nearest, of.times));
        let (shown, times) = of_loop.unwrap_or((place, change.times));
        let lead_s = changes[shown].lead_s(onset_s);
        // The last start before it, if it came with that.
        let brought_by = loops.range(..place).next_back().filter(|(first, _)| {
            matches!(change.kind, ChangeKind::Setting | ChangeKind::Migration)
                && came_with(change, changes[**first])
        });
        let again = brought_by.filter(|(_, of)| nearness(of.nearest) > nearness(place));
        let felt_s = again.map_or(lead_s, |(_, of)| changes[of.nearest].lead_s(onset_s));
        let told = LedgerChange { times, ..changes[shown].clone() };
        let told = LedgerChange { what: told.text(), times: 1, ..told };
        let (what, began_us) = (change.what.clone(), change.at_us);
        found.push(PossibleCause { change: told, what, lead_s, felt_s, began_us });
    }
    found
}
