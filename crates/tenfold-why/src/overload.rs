//! Requests that are refused before they run, and why: too many come, or the service became slow.
//!
//! A service that is asked for too much answers as many as before and refuses the rest. One that became slow answers fewer than before. So
//! how much it answers tells one from the other, also while clients send again what was refused.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::affected::Party;
use crate::answer::{OverloadFinding, OverloadSender};
use crate::event::PartKey;
use crate::incident::{BASELINE_S, FAILED_MS, Incident, Rise, Worse, compared};
use crate::journal::Journal;
use crate::onset::{OnsetRule, rise_of_share};
use crate::past_peaks::PastPeaks;
use crate::traffic::{RequestTraffic, SentRequests};

/// A second counts if at least this share of the requests that came in it was refused; and so much of all since the onset must be.
const LEAST_SHARE: f64 = 0.05;
/// Fewer refused requests are no incident;
const LEAST_REFUSED: f64 = 20.0;
/// nor are those of fewer seconds that count: a burst is what admission is for;
const LEAST_SECONDS: usize = 10;
/// nor those of a smaller share of the seconds in which requests came, such as a burst each minute.
const LEAST_SECONDS_SHARE: f64 = 0.25;
/// How many seconds without a refusal are put before what is known: a process that refuses from its start has no time before, and what it
/// refuses is not usual.
const CALM: usize = 20;
/// A service that answers less of what it answered before became slow.
const LEAST_ANSWERED: f64 = 0.9;
/// What became slow so many seconds after the first refusals may still be their reason: it is noticed once it ends.
const LATER_S: u32 = 30;
/// Refusals are told before what is slower because too many requests come, if they explain a tenth of it.
const BEFORE_SLOWER: f64 = 10.0;
/// Who sends no more than this of what comes in addition is not named,
const LEAST_OF_GROWTH: f64 = 0.5;
/// nor who sends less than so many times as many as before,
const LEAST_TIMES: f64 = 2.0;
/// nor anybody while no more than so many times as many come as before.
const LEAST_GROWTH: f64 = 1.2;
/// An organization of whose requests a smaller share is refused is not affected.
const AFFECTED_SHARE: f64 = 0.05;

/// What is known of an overload.
pub(crate) struct Overload {
    pub finding: OverloadFinding,
    /// The organizations whose requests are refused, those with most of them first.
    pub affected: Vec<Party>,
}

/// Adds the endpoints whose requests are refused to those that got worse, at their place. If the service became slow, that comes first.
pub(crate) fn add_refused(
    journal: &Journal,
    found: &mut Vec<Incident>,
    range: &Range<u32>,
) -> Option<Overload> {
    let refused = refused(journal, range);
    let onset = refused.iter().max_by(|a, b| a.weight.total_cmp(&b.weight))?.onset;
    let before = onset.saturating_sub(BASELINE_S).max(range.start)..onset;
    let (before, now) =
        (RequestTraffic::of(journal, &before), RequestTraffic::of(journal, &(onset..range.end)));
    let is_slow = |incident: &Incident| {
        matches!(incident.worse, Worse::Slower | Worse::Failing)
            && incident.onset <= onset.saturating_add(LATER_S)
            && !waits_for_room(incident)
    };
    let answers_less = before.answered_later(&now).is_some_and(|share| share < LEAST_ANSWERED);
    let is_consequence = answers_less && found.iter().any(is_slow);
    found.extend(refused);
    let rank = |incident: &Incident| match incident.worse {
        Worse::Waiting => 2,
        Worse::Refused if is_consequence => 1,
        Worse::Refused | Worse::Slower | Worse::Failing => 0,
    };
    let weight = |incident: &Incident| match incident.worse {
        Worse::Refused => BEFORE_SLOWER * incident.weight,
        Worse::Waiting | Worse::Slower | Worse::Failing => incident.weight,
    };
    found.sort_by(|a, b| rank(a).cmp(&rank(b)).then(weight(b).total_cmp(&weight(a))));
    // An endpoint that is slower, too, is told once, with both.
    let mut told = BTreeSet::new();
    found.retain(|incident| incident.worse == Worse::Waiting || told.insert(incident.endpoint));
    Some(Overload { finding: finding(&before, &now), affected: affected(&now) })
}

/// Whether an endpoint is slower because it waits until it is admitted, or for a thread: that is the overload itself.
fn waits_for_room(incident: &Incident) -> bool {
    let most = incident.parts.iter().max_by(|a, b| a.added_ms.total_cmp(&b.added_ms));
    most.is_some_and(|part| matches!(part.part, PartKey::AdmissionWait | PartKey::SchedulerWait))
}

/// The endpoints whose requests are refused; if each has too few, the one with most of them.
fn refused(journal: &Journal, range: &Range<u32>) -> Vec<Incident> {
    let known: Vec<usize> = journal.refusals.endpoints().map(|(endpoint, _)| endpoint).collect();
    let found = known.iter().filter_map(|endpoint| {
        let rise = rise_of_refused(journal, &[*endpoint], range)?;
        Some(incident(journal, *endpoint, rise, range))
    });
    let mut found: Vec<Incident> = found.collect();
    if found.is_empty()
        && known.len() > 1
        && let Some(rise) = rise_of_refused(journal, &known, range)
    {
        let since = rise.onset..range.end;
        let counts =
            journal.refusals.endpoints().map(|(endpoint, seconds)| (endpoint, seconds.totals(&since).0));
        let most = counts.max_by(|(_, one), (_, other)| one.total_cmp(other));
        found.extend(most.map(|(endpoint, _)| incident(journal, endpoint, rise, range)));
    }
    found
}

fn incident(journal: &Journal, endpoint: usize, rise: Rise, range: &Range<u32>) -> Incident {
    let found = compared(journal, endpoint, rise, range);
    let weight = FAILED_MS * found.refused.count / f64::from((range.end - found.onset).max(1));
    Incident { weight, ..found }
}

/// Since when requests of these endpoints are refused, if that is an incident.
fn rise_of_refused(journal: &Journal, endpoints: &[usize], range: &Range<u32>) -> Option<Rise> {
    let mut cells: BTreeMap<u32, (f64, f64)> = BTreeMap::new();
    for endpoint in endpoints {
        let answered = journal.endpoints[*endpoint].seconds.between(range.start, range.end);
        answered.for_each(|cell| cells.entry(cell.second).or_default().1 += f64::from(cell.count));
        let Some(refused) = journal.refusals.endpoint(*endpoint) else { continue };
        for cell in refused.between(range.start, range.end) {
            let sums = cells.entry(cell.second).or_default();
            *sums = (sums.0 + f64::from(cell.count), sums.1 + f64::from(cell.count));
        }
    }
    cells.retain(|_, (_, all)| *all > 0.0);
    // Seconds are counted, not requests: however many a burst has, it is one second, and a later overload is still one beside it.
    let counts = |(refused, all): &(f64, f64)| *refused >= LEAST_SHARE * all;
    let calm = std::iter::repeat_n(0.0, CALM);
    let bad: Vec<f64> = calm.chain(cells.values().map(|cell| f64::from(counts(cell)))).collect();
    let rule = OnsetRule { series: journal.endpoints.len() + 1, floor: 0.0 };
    let is_more = |before: f64, after: f64| after > 2.0 * before && after - before > LEAST_SECONDS_SHARE;
    let found = rise_of_share(&bad, &vec![1.0; bad.len()], rule, is_more)?;
    let mut since = cells.iter().skip(found.index.saturating_sub(CALM)).skip_while(|(_, cell)| !counts(cell));
    let seconds = since.clone().filter(|(_, cell)| counts(cell)).count();
    let (refused, all) = since.clone().fold((0.0, 0.0), |sum, (_, cell)| (sum.0 + cell.0, sum.1 + cell.1));
    if seconds < LEAST_SECONDS || refused < LEAST_REFUSED || refused < LEAST_SHARE * all {
        return None;
    }
    Some(Rise { worse: Worse::Refused, onset: *since.next()?.0, p: found.p, past: PastPeaks::default() })
}

fn finding(before: &RequestTraffic, now: &RequestTraffic) -> OverloadFinding {
    let for_bytes = 2.0 * now.refused_for_bytes() > now.refused();
    let a_second = |of: fn(&RequestTraffic) -> f64| (before.a_second(of(before)), now.a_second(of(now)));
    let came = a_second(RequestTraffic::came);
    let is_more = came.1 > LEAST_GROWTH * came.0;
    let sender = if is_more && !for_bytes { sender(before, now, came) } else { None };
    let refused = now.refused() / now.came().max(1.0);
    OverloadFinding { came, answered: a_second(RequestTraffic::answered), refused, for_bytes, sender }
}

/// Who sends most of what comes in addition, if it is more than half of it.
fn sender(before: &RequestTraffic, now: &RequestTraffic, came: (f64, f64)) -> Option<OverloadSender> {
    let of = |(organization, sent): (u128, SentRequests)| {
        let sent = (before.a_second(before.of_organization(organization).came), now.a_second(sent.came));
        OverloadSender {
            organization: (organization != 0).then_some(organization),
            share: (sent.1 / came.1).min(1.0),
            sent,
            of_growth: ((sent.1 - sent.0) / (came.1 - came.0)).clamp(0.0, 1.0),
        }
    };
    let most = now.organizations().map(of).max_by(|a, b| a.of_growth.total_cmp(&b.of_growth))?;
    let is_named = most.of_growth > LEAST_OF_GROWTH && most.sent.1 >= LEAST_TIMES * most.sent.0;
    is_named.then_some(most)
}

fn affected(now: &RequestTraffic) -> Vec<Party> {
    let is_affected = |sent: &SentRequests| sent.refused > AFFECTED_SHARE * sent.came;
    let parties = now.organizations().filter(|(id, sent)| *id != 0 && is_affected(sent));
    let mut parties: Vec<Party> = parties
        .map(|(id, sent)| Party { id, requests: sent.came as u32, bad: sent.refused as u32 })
        .collect();
    parties.sort_by(|a, b| b.bad.cmp(&a.bad).then(a.id.cmp(&b.id)));
    parties
}
