//! Who is affected: those whose own requests got worse, not those who are there most.

use std::collections::BTreeMap;

use crate::sample::EventSample;

/// How many requests the rate of all weighs in the rate of one party.
const PRIOR: f64 = 5.0;
/// The least rate of bad requests that is believed of anybody.
const LEAST_RATE: f64 = 0.005;

/// An organization or a user that is affected.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Party {
    /// Its id.
    pub id: u128,
    /// How many of its requests were looked at.
    pub requests: u32,
    /// How many of them were bad.
    pub bad: u32,
}

#[derive(Clone, Copy, Default)]
struct PartyTally {
    before: f64,
    bad_before: f64,
    after: f64,
    bad_after: f64,
}

/// The parties whose requests are bad at a rate clearly above their own before, those with most bad requests first.
///
/// Two rates explain a party's requests: its own before, or that of the affected ones. The likelier one wins; the rate of
/// the affected is then taken again from those who were found, until nothing changes (expectation maximization with
/// two classes).
pub fn affected(
    before: &[&EventSample],
    after: &[&EventSample],
    is_bad: impl Fn(&EventSample) -> bool,
    of: impl Fn(&EventSample) -> u128,
) -> Vec<Party> {
    let tallies = tally(before, after, is_bad, of);
    let (all, bad) = tallies.values().fold((0.0, 0.0), |(all, bad), t| (all + t.before, bad + t.bad_before));
    let base = (bad / f64::max(all, 1.0)).max(LEAST_RATE);
    let mut found: Vec<u128> = tallies.iter().filter(|(_, t)| t.bad_after > 0.0).map(|(id, _)| *id).collect();
    for _ in 0..10 {
        let (requests, bad) = found.iter().fold((0.0, 0.0), |(requests, bad), id| {
            (requests + tallies[id].after, bad + tallies[id].bad_after)
        });
        let rate = (bad / f64::max(requests, 1.0)).clamp((2.0 * base).min(0.9), 0.98);
        let again: Vec<u128> =
            tallies.iter().filter(|(_, t)| likelier(t, base, rate)).map(|(id, _)| *id).collect();
        if again == found {
            break;
        }
        found = again;
    }
    let mut parties: Vec<Party> = found
        .into_iter()
        .map(|id| Party { id, requests: tallies[&id].after as u32, bad: tallies[&id].bad_after as u32 })
        .collect();
    parties.sort_by(|a, b| b.bad.cmp(&a.bad).then(a.id.cmp(&b.id)));
    parties
}

fn tally(
    before: &[&EventSample],
    after: &[&EventSample],
    is_bad: impl Fn(&EventSample) -> bool,
    of: impl Fn(&EventSample) -> u128,
) -> BTreeMap<u128, PartyTally> {
    let mut tallies: BTreeMap<u128, PartyTally> = BTreeMap::new();
    for event in before {
        let tally = tallies.entry(of(event)).or_default();
        tally.before += 1.0;
        tally.bad_before += f64::from(is_bad(event));
    }
    for event in after {
        let tally = tallies.entry(of(event)).or_default();
        tally.after += 1.0;
        tally.bad_after += f64::from(is_bad(event));
    }
    // 0 is nobody.
    tallies.remove(&0);
    tallies
}

/// Whether the rate of the affected explains a party's requests better than its own rate before.
fn likelier(tally: &PartyTally, base: f64, rate: f64) -> bool {
    let own = ((tally.bad_before + PRIOR * base) / (tally.before + PRIOR)).max(LEAST_RATE);
    if tally.bad_after == 0.0 || own >= rate {
        return false;
    }
    let good = tally.after - tally.bad_after;
    tally.bad_after * (rate / own).ln() + good * ((1.0 - rate) / (1.0 - own)).ln() > 0.0
}

/// The duration that tells slow requests from those before best: where the shares of longer ones differ most, as in the
/// test of Kolmogorov and Smirnov, weighted by how many times as long as usual it is. Without the weight, requests that
/// are a little slower because others are very slow would count as slow.
///
/// `of` gives the duration of an event, in milliseconds.
pub fn slow_from(before: &[&EventSample], after: &[&EventSample], of: impl Fn(&EventSample) -> f32) -> f32 {
    let sorted = |events: &[&EventSample]| {
        let mut all: Vec<f32> = events.iter().map(|event| of(event)).collect();
        all.sort_by(f32::total_cmp);
        all
    };
    let (before, after) = (sorted(before), sorted(after));
    let longer = |all: &[f32], ms: f32| {
        (all.len() - all.partition_point(|one| *one < ms)) as f64 / all.len().max(1) as f64
    };
    let usual = before.get(before.len() / 2).or(after.first()).copied().unwrap_or(0.0).max(0.001);
    let mut best = (0.0, f32::MAX);
    for ms in &after {
        let apart = (longer(&after, *ms) - longer(&before, *ms)) * f64::from(ms / usual).ln();
        if apart > best.0 {
            best = (apart, *ms);
        }
    }
    // Halfway to the next shorter one, so that the threshold is no request's own duration.
    let below = before.partition_point(|one| *one < best.1);
    match below.checked_sub(1).map(|index| before[index]) {
        Some(shorter) if best.1 < f32::MAX => (shorter * best.1).sqrt().max(shorter),
        _ => best.1,
    }
}
