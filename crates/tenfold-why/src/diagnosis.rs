//! The whole question: from onset to cause.

use std::ops::Range;

use crate::affected::{affected, slow_from};
use crate::answer::{
    ChangeFinding, Diagnosis, DiagnosisState, Difference, EndpointFinding, OverloadSender, PartFinding,
};
use crate::changes::{ChangeKind, LedgerChange, closeness};
use crate::decomposition::PartChange;
use crate::hyphenated::hyphenated;
use crate::incident::{BASELINE_S, Incident, Worse, blame, incidents};
use crate::journal::{Journal, JournalEndpoint};
use crate::overload::add_refused;
use crate::plan::PlanPair;
use crate::restarts::{PossibleCause, possible_causes};
use crate::sample::EventSample;
use crate::seconds::{REACH, second_of};
use crate::surge::surges;
use crate::verdict;

/// How many changes, parts and differences an answer has at most.
const MOST: usize = 10;
/// What a change may explain of statements that it does not seem to concern: not all of them are known.
const LITTLE: f64 = 0.1;
/// After this many seconds in which all went well, a change that acts at once is 37 % as likely a cause.
const FINE_S: f64 = 40.0;
/// The weight of a start of the build that ran before.
const RESTART: f64 = 0.8;
/// A build that was new so long ago, in microseconds, may still be on its way: its processes are replaced one after the other.
const ROLLOUT_US: i64 = 900_000_000;
/// Requests that are cut off take at least so many milliseconds longer than before.
const CUT_OFF_MS: f64 = 500.0;
/// By so many of the first bad requests it is known how long before its end each began;
const FIRST: usize = 50;
/// this share of them took no longer.
const MOSTLY: f64 = 0.8;
/// How many traces an answer offers: not all of them are kept.
const TRACES: usize = 50;

/// What is wrong between `since_us` and `until_us` (microseconds since 1970), and why. Without `since_us` the last two
/// hours are looked at. What ended before `until_us` is not reported.
pub fn diagnose(journal: &Journal, since_us: Option<i64>, until_us: i64) -> Diagnosis {
    diagnose_within(journal, since_us, until_us, REACH)
}

/// The same for a journal that reaches back further than two hours: `reach_s` seconds at most are looked at.
pub fn diagnose_within(journal: &Journal, since_us: Option<i64>, until_us: i64, reach_s: u32) -> Diagnosis {
    let end = second_of(until_us).saturating_add(1);
    let start = since_us.map_or(0, second_of).max(end.saturating_sub(reach_s));
    let is_empty = |endpoint: &JournalEndpoint| {
        let waits = endpoint.parts.iter().filter(|(part, _)| part.queue().is_some());
        let mut series = waits.map(|(_, waits)| waits).chain([&endpoint.seconds]);
        series.all(|series| series.between(start, end).next().is_none())
    };
    let nothing_refused =
        journal.refusals.endpoints().all(|(_, seconds)| seconds.between(start, end).next().is_none());
    if nothing_refused && journal.endpoints.iter().all(is_empty) {
        return verdict::nothing_recorded();
    }
    let mut found = incidents(journal, &(start..end));
    let overload = add_refused(journal, &mut found, &(start..end));
    let Some(first) = found.first() else { return verdict::no_incident() };
    let overload = overload.map(|overload| (overload.finding, overload.affected));
    let (overload, refused) = overload.unzip();
    let is_refused = first.worse == Worse::Refused;
    let sender = overload.as_ref().and_then(|found| found.sender).filter(|_| is_refused);
    let events = BadEvents { sender, ..BadEvents::of(journal, first) };
    let first = &Incident { onset: events.began(first.onset), ..first.clone() };
    let parts = parts(first);
    let changes = changes(journal, first, (&events, &parts), &(start..end));
    let mut answer = Diagnosis {
        state: DiagnosisState::Known,
        verdict: String::new(),
        confidence: 0.0,
        since_us: Some(i64::from(first.onset) * 1_000_000),
        endpoints: found.iter().map(|incident| endpoint(journal, incident)).collect(),
        parts,
        organizations: match refused {
            Some(refused) if is_refused => refused,
            _ => events.affected(|event| event.organization),
        },
        users: events.affected(|event| event.user),
        changes,
        differences: differences(journal, &events),
        traces: events.traces(),
        overload,
    };
    verdict::complete(&mut answer, first);
    answer
}

fn endpoint(journal: &Journal, incident: &Incident) -> EndpointFinding {
    let mean = |spending: &crate::decomposition::Spending| spending.ms / spending.requests.max(1.0);
    EndpointFinding {
        name: journal.endpoints[incident.endpoint].name.clone(),
        queue: incident.parts.iter().find_map(|part| part.part.queue()).map(str::to_owned),
        since_us: i64::from(incident.onset) * 1_000_000,
        before_ms: mean(&incident.before),
        now_ms: mean(&incident.now),
        failed_before: incident.failed.0,
        failed_now: incident.failed.1,
        errors: (incident.failed.1 * incident.now.requests).round() as u64,
        unfinished: journal.overdue.get(&incident.endpoint).map_or(0, |overdue| overdue.all.len() as u64),
        refused: incident.refused.count as u64,
        refused_before: incident.refused.before,
        refused_now: incident.refused.now,
        p: incident.p,
    }
}

/// The parts that got worse, with their shares; waits, which follow from something else, come last.
///
/// Where requests fail, these are the parts that fail. If those explain less than half of the failures, and requests take far longer, it is
/// what takes the time until they are cut off: a lock, for example.
fn parts(incident: &Incident) -> Vec<PartFinding> {
    let added_ms = |part: &PartChange| part.added_ms;
    let failed = |part: &PartChange| part.failed.1 - part.failed.0;
    let failures: f64 = incident.parts.iter().map(|part| failed(part).max(0.0)).sum();
    let is_explained = failures >= 0.5 * (incident.failed.1 - incident.failed.0);
    match incident.worse {
        Worse::Failing if is_explained || incident.added_ms() < CUT_OFF_MS => ranked(incident, failed),
        Worse::Slower | Worse::Waiting | Worse::Failing => ranked(incident, added_ms),
        // They have spent nothing.
        Worse::Refused => Vec::new(),
    }
}

fn ranked(incident: &Incident, worse: impl Fn(&PartChange) -> f64) -> Vec<PartFinding> {
    let all: f64 = incident.parts.iter().map(|part| worse(part).max(0.0)).sum();
    let mut parts: Vec<PartFinding> = incident
        .parts
        .iter()
        .filter(|part| worse(part) > 0.01 * all)
        .map(|part| PartFinding { change: part.clone(), share: worse(part) / all, plan: PlanPair::default() })
        .collect();
    let rank = |part: &PartFinding| part.share * blame(&part.change.part);
    parts.sort_by(|a, b| rank(b).total_cmp(&rank(a)));
    parts.truncate(MOST);
    parts
}

/// The kept events of the first endpoint, before and since the onset.
struct BadEvents<'a> {
    before: Vec<&'a EventSample>,
    after: Vec<&'a EventSample>,
    worse: Worse,
    slow_from: f32,
    seconds: (f64, f64),
    /// Who sends so much that requests are refused, if that is what is wrong.
    sender: Option<OverloadSender>,
}

impl<'a> BadEvents<'a> {
    fn of(journal: &'a Journal, incident: &Incident) -> Self {
        let (endpoint, onset) = (incident.endpoint as u16, i64::from(incident.onset) * 1_000_000);
        let baseline = i64::from(BASELINE_S) * 1_000_000;
        let of = |range: Range<i64>| {
            let mut events = journal.samples.of(endpoint, range.start, range.end);
            events.retain(|event| !incident.past.has(second_of(event.at_us)));
            events
        };
        let before = of(onset - baseline..onset);
        let after = of(onset..i64::from(incident.end) * 1_000_000);
        let slow_from = match incident.worse {
            // Those that were refused have left no event.
            Worse::Failing | Worse::Refused => f32::MAX,
            worse => slow_from(&before, &after, |event| time_of(event, worse)),
        };
        let begun = before.first().map_or(onset, |event| event.at_us);
        let seconds = (
            ((onset - begun) as f64 / 1e6).max(1.0),
            f64::from(incident.past.left_of(incident.onset..incident.end)),
        );
        BadEvents { before, after, worse: incident.worse, slow_from, seconds, sender: None }
    }

    fn is_bad(&self, event: &EventSample) -> bool {
        match self.worse {
            Worse::Failing => event.failed,
            Worse::Refused => false,
            worse => time_of(event, worse) >= self.slow_from,
        }
    }

    /// The first second of it, if it is `onset` by what ended then: what takes long began before. How long is known from those that ended first,
    /// so that one which takes long for another reason does not count.
    fn began(&self, onset: u32) -> u32 {
        if self.worse == Worse::Waiting {
            return onset;
        }
        let mut bad: Vec<&&EventSample> = self.after.iter().filter(|event| self.is_bad(event)).collect();
        bad.sort_by_key(|event| event.at_us);
        bad.truncate(FIRST);
        let mut took_ms: Vec<f32> = bad.iter().map(|event| event.ms).collect();
        took_ms.sort_by(f32::total_cmp);
        let Some(last) = took_ms.len().checked_sub(1) else { return onset };
        let most_s = (took_ms[(last as f64 * MOSTLY) as usize] / 1_000.0) as u32;
        let earliest = onset.saturating_sub(most_s);
        let began = bad.iter().map(|event| event.began_second());
        began.filter(|began| *began >= earliest).min().map_or(onset, |began| onset.min(began))
    }

    fn affected(&self, of: impl Fn(&EventSample) -> u128) -> Vec<crate::affected::Party> {
        affected(&self.before, &self.after, |event| self.is_bad(event), of)
    }

    /// Bad requests, those of middling duration first.
    fn traces(&self) -> Vec<u128> {
        let mut bad: Vec<&&EventSample> = self.after.iter().filter(|event| self.is_bad(event)).collect();
        let time = |event: &EventSample| time_of(event, self.worse);
        bad.sort_by(|a, b| time(a).total_cmp(&time(b)));
        let middle = bad.len() / 2;
        let mut ranked: Vec<(usize, u128)> =
            bad.iter().enumerate().map(|(rank, event)| (rank.abs_diff(middle), event.trace)).collect();
        ranked.sort_by_key(|(distance, _)| *distance);
        ranked.into_iter().map(|(_, trace)| trace).take(TRACES).collect()
    }

    /// Whether requests are refused because this organization sends so many.
    fn is_sender(&self, organization: u128) -> bool {
        self.sender.is_some_and(|sender| sender.organization == Some(organization))
    }

    /// Which share of the endpoint's additional requests one organization sends, 0 to 1.
    fn share_of_growth(&self, organization: u128) -> f64 {
        if let Some(sender) = self.sender.filter(|_| self.is_sender(organization)) {
            return sender.of_growth;
        }
        let rate = |events: &[&EventSample], seconds: f64, of: Option<u128>| {
            let counted = events.iter().filter(|event| of.is_none_or(|of| event.organization == of));
            counted.count() as f64 / seconds
        };
        let growth = |of| rate(&self.after, self.seconds.1, of) - rate(&self.before, self.seconds.0, of);
        let all = growth(None).max(0.2 * rate(&self.before, self.seconds.0, None)).max(f64::MIN_POSITIVE);
        (growth(Some(organization)) / all).clamp(0.0, 1.0)
    }
}

/// How long an event took, or waited, in milliseconds.
fn time_of(event: &EventSample, worse: Worse) -> f32 {
    if worse == Worse::Waiting { event.waited_ms } else { event.ms }
}

/// The changes before the onset, ranked by lead time × share.
fn changes(
    journal: &Journal,
    incident: &Incident,
    (events, parts): (&BadEvents<'_>, &[PartFinding]),
    range: &Range<u32>,
) -> Vec<ChangeFinding> {
    let surges = surges(journal, range);
    let known = journal.changes().iter().filter(|change| change.kind != ChangeKind::Surge);
    let mut near = possible_causes(known.chain(&surges), f64::from(incident.onset));
    near.retain(|cause| closeness(cause.felt_s) > 0.01);
    // How likely each is by its kind and time alone.
    let likely = |cause: &PossibleCause| {
        let certainty = cause.change.certainty();
        nearness(journal, incident, cause) * certainty * weight(journal, cause)
    };
    // What is seen to do it leaves the rest to those that are only near.
    let seen = near
        .iter()
        .filter_map(|cause| Some(likely(cause) * share_of_statements(&cause.change, parts, incident.worse)?));
    let sent = events.sender.map_or(0.0, |sender| sender.of_growth);
    let left = (1.0 - seen.fold(sent, f64::max)).max(LITTLE);
    let mut ranked: Vec<ChangeFinding> = near
        .into_iter()
        .filter_map(|cause| {
            let change = &cause.change;
            let share = match (share_of_statements(change, parts, incident.worse), change.organization) {
                (Some(share), _) => share.max(LITTLE),
                // Jobs of others, and of other kinds, make these wait.
                (None, _) if incident.worse == Worse::Waiting => left,
                (None, Some(surging)) if change.kind == ChangeKind::Surge => {
                    let share = events.share_of_growth(surging);
                    if events.is_sender(surging) { share } else { left * share }
                }
                (None, _) => left,
            };
            let score = likely(&cause) * share;
            (score > 0.01).then_some(ChangeFinding {
                change: cause.change,
                lead_s: cause.lead_s,
                share,
                score,
            })
        })
        .collect();
    ranked.sort_by(|a, b| b.score.total_cmp(&a.score));
    ranked.truncate(MOST);
    ranked
}

/// How well a change explains the onset by its time. One that acts at once had its chance in the seconds after it in which the endpoint was as
/// before.
fn nearness(journal: &Journal, incident: &Incident, cause: &PossibleCause) -> f64 {
    let felt_s = cause.felt_s;
    if !cause.change.kind.acts_at_once() || felt_s < 1.0 {
        return closeness(felt_s);
    }
    let since = incident.onset.saturating_sub(felt_s as u32);
    let fine = journal.endpoints[incident.endpoint].seconds.between(since, incident.onset).count();
    closeness(felt_s) * (-(fine as f64) / FINE_S).exp()
}

/// How likely a change is to be a cause at all. A start of the build that ran before changes less than what was changed with it.
fn weight(journal: &Journal, cause: &PossibleCause) -> f64 {
    if is_restart(journal, cause) { RESTART } else { cause.change.kind.weight() }
}

/// Whether it is the start of a build that ran directly before, and did not just replace another one. A build that returns after
/// another one is no restart.
fn is_restart(journal: &Journal, cause: &PossibleCause) -> bool {
    if cause.change.kind != ChangeKind::Deploy {
        return false;
    }
    let is_before = |other: &&LedgerChange| other.kind == ChangeKind::Deploy && other.at_us < cause.began_us;
    let mut before: Vec<&LedgerChange> = journal.changes().iter().filter(is_before).collect();
    before.sort_by_key(|other| other.at_us);
    let same = before.iter().rev().take_while(|other| other.what == cause.what).count();
    let Some(first) = before.len().checked_sub(same).and_then(|place| before.get(place)) else {
        return false;
    };
    let replaces = same < before.len();
    !(replaces && cause.began_us - first.at_us < ROLLOUT_US)
}

/// How much of what got worse is in the statements that a change concerns, 0 to 1; `None` if these are not known. Statements that run
/// more often are sent by the code, whatever the database does with them.
fn share_of_statements(change: &LedgerChange, parts: &[PartFinding], worse: Worse) -> Option<f64> {
    let statements = change.statements.as_ref()?;
    let share = |part: &PartFinding| {
        let by_count =
            (part.change.by_count_ms / part.change.added_ms.max(f64::MIN_POSITIVE)).clamp(0.0, 1.0);
        part.share * if worse == Worse::Slower { 1.0 - by_count } else { 1.0 }
    };
    let is_concerned = |part: &&PartFinding| {
        part.change.part.statement().is_some_and(|place| statements.contains(&place.name))
    };
    Some(parts.iter().filter(is_concerned).map(share).sum::<f64>().min(1.0))
}

/// What bad requests have in common: support and risk ratio over single attributes (MacroBase's DIFF).
fn differences(journal: &Journal, events: &BadEvents<'_>) -> Vec<Difference> {
    let value = |event: &EventSample, attribute: &str| match attribute {
        "organization" => (event.organization != 0).then(|| hyphenated(event.organization)),
        "user" => (event.user != 0).then(|| hyphenated(event.user)),
        _ => (event.error != 0).then(|| journal.error_text(event.error).to_owned()),
    };
    let mut found = Vec::new();
    for attribute in ["organization", "user", "error"] {
        let mut counts: std::collections::BTreeMap<String, (f64, f64)> = std::collections::BTreeMap::new();
        let (mut all, mut bad) = (0.0, 0.0);
        for event in events.before.iter().chain(&events.after) {
            let is_bad = f64::from(events.is_bad(event));
            (all, bad) = (all + 1.0, bad + is_bad);
            let Some(value) = value(event, attribute) else { continue };
            let count = counts.entry(value).or_default();
            *count = (count.0 + 1.0, count.1 + is_bad);
        }
        for (value, (with, bad_with)) in counts {
            let without = ((bad - bad_with) / f64::max(all - with, 1.0)).max(0.5 / f64::max(all, 1.0));
            let (support, risk_ratio) = (bad_with / f64::max(bad, 1.0), bad_with / with / without);
            if support >= 0.2 && risk_ratio >= 3.0 {
                found.push(Difference { attribute, value, support, risk_ratio });
            }
        }
    }
    found.sort_by(|a, b| (b.support * b.risk_ratio).total_cmp(&(a.support * a.risk_ratio)));
    found.truncate(MOST);
    found
}
