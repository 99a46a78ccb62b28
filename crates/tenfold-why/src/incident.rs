//! Which endpoints got worse, and when.

use std::ops::Range;

use crate::decomposition::{PartChange, Spending, decompose};
use crate::event::PartKey;
use crate::journal::{Journal, JournalEndpoint};
use crate::onset::{ChangePoint, OnsetRule, rise, rise_of_share};
use crate::overdue::OverdueRequests;
use crate::past_peaks::{PastPeaks, ended_peak, past_peak};
use crate::queue::waits;
use crate::seconds::SecondCell;

/// The least ratio of durations that matters.
pub(crate) const LEAST_RATIO: f64 = 1.1;
/// The least difference of durations that matters, in milliseconds.
pub(crate) const LEAST_MS: f64 = 1.0;
/// The least share of failures, or of much slower requests, above that of before that matters.
pub(crate) const LEAST_SHARE: f64 = 0.02;
/// How long before an onset the baseline begins, in seconds.
pub(crate) const BASELINE_S: u32 = 1_200;
/// How long a failed request counts, in milliseconds, when endpoints are compared.
pub(crate) const FAILED_MS: f64 = 1_000.0;

/// The least variance that is believed of a series of durations, or of their logarithms.
const FLOOR: f64 = 0.0025;
/// An endpoint is silent if it has had no request for longer than this, in seconds,
const SILENCE_S: u32 = 60;
/// and for so many times as long as usual between two of its seconds with requests.
const SILENCES: f64 = 10.0;
/// What is usual is taken from its last so many seconds with requests.
const FEW: usize = 20;

/// How an endpoint got worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Worse {
    Slower,
    Failing,
    /// Jobs that wait longer in their queue.
    Waiting,
    /// Requests that are refused before they run.
    Refused,
}

/// The requests of an endpoint that were refused.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RefusedShare {
    /// How many since the onset.
    pub count: f64,
    /// Their share of all that came before, 0 to 1.
    pub before: f64,
    /// Their share since then.
    pub now: f64,
}

/// An endpoint that got worse.
#[derive(Clone, Debug)]
pub(crate) struct Incident {
    pub endpoint: usize,
    pub worse: Worse,
    /// The first second of it.
    pub onset: u32,
    pub end: u32,
    pub p: f64,
    pub before: Spending,
    pub now: Spending,
    pub parts: Vec<PartChange>,
    pub failed: (f64, f64),
    pub refused: RefusedShare,
    /// How much it explains: the time that it adds a second by itself.
    pub weight: f64,
    /// When it was worse than it is now. What ended then is in none of its figures.
    pub past: PastPeaks,
    /// The last second in which one of its requests ended, if it should have had some since.
    pub silent_since: Option<u32>,
}

impl Incident {
    /// How much longer a mean request takes, in milliseconds.
    pub(crate) fn added_ms(&self) -> f64 {
        let mean = |spending: &Spending| spending.ms / spending.requests.max(1.0);
        mean(&self.now) - mean(&self.before)
    }
}

/// The endpoints that got worse in the seconds of `range`, the one that explains most first.
pub(crate) fn incidents(journal: &Journal, range: &Range<u32>) -> Vec<Incident> {
    let endpoints = 0..journal.endpoints.len();
    let mut found: Vec<Incident> =
        endpoints.clone().filter_map(|index| incident(journal, index, range)).collect();
    found.extend(overdue(journal, &found, range));
    found.extend(endpoints.flat_map(|index| waits(journal, index, range)));
    // Jobs that wait come last: it is mostly something else that makes them wait, and nobody sits before them.
    let waits = |incident: &Incident| incident.worse == Worse::Waiting;
    found.sort_by(|a, b| waits(a).cmp(&waits(b)).then(b.weight.total_cmp(&a.weight)));
    found
}

/// Other endpoints with more overdue requests than by chance. When everything hangs, each endpoint has too few requests for a test over seconds.
fn overdue(journal: &Journal, found: &[Incident], range: &Range<u32>) -> Vec<Incident> {
    let is_new = |index: usize| found.iter().all(|incident| incident.endpoint != index);
    let others = journal.overdue.iter().filter(|(index, _)| is_new(**index));
    let incident = |(index, overdue): (&usize, &OverdueRequests)| {
        let onset = overdue.began().max(range.start);
        let rise = Rise { worse: Worse::Slower, onset, p: overdue.p, past: PastPeaks::default() };
        compared(journal, *index, rise, range)
    };
    others.map(incident).collect()
}

fn incident(journal: &Journal, index: usize, range: &Range<u32>) -> Option<Incident> {
    let endpoint = &journal.endpoints[index];
    let mut cells: Vec<SecondCell> = endpoint.seconds.between(range.start, range.end).copied().collect();
    // Four signals of each endpoint are looked at.
    let series = journal.endpoints.len() * 4;
    let mut past = PastPeaks::default();
    loop {
        let Worst { worse, found, least_ms, levels } = worst(&cells, series)?;
        let onset = cells[found.index].second;
        let peak = |level: &LevelOf| past_peak(&of(&cells, *level), found.index, FLOOR);
        if let Some(peak) = levels.iter().find_map(peak).filter(|_| !past.is_full()) {
            past.add(cells[peak.start].second..cells[peak.end].second);
            cells.drain(peak);
            continue;
        }
        let fine = found.index.checked_sub(1).map_or(range.start, |before| cells[before].second);
        let onset = past.began(fine, onset);
        add_peaks_before(&cells[..found.index], &mut past);
        let rise = Rise { worse, onset, p: found.p, past };
        let incident = compared(journal, index, rise, range);
        let silent_since = silent_since(&cells, range.end);
        return Some(Incident { silent_since, ..incident })
            .filter(|incident| incident.added_ms() >= least_ms);
    }
}

/// Adds the peaks of these seconds before an onset: an incident is compared with what is usual, not with an earlier one.
fn add_peaks_before(cells: &[SecondCell], past: &mut PastPeaks) {
    let first = cells.last().map_or(0, |last| last.second.saturating_sub(BASELINE_S));
    let mut cells = cells[cells.partition_point(|cell| cell.second < first)..].to_vec();
    let peak = |cells: &[SecondCell]| LEVELS.iter().find_map(|level| ended_peak(&of(cells, *level), FLOOR));
    while !past.is_full()
        && let Some(peak) = peak(&cells)
    {
        past.add(cells[peak.start].second..cells[peak.end].second);
        cells.drain(peak);
    }
}

/// The last of these seconds, if many more should have followed it.
fn silent_since(cells: &[SecondCell], end: u32) -> Option<u32> {
    let last = cells.last()?.second;
    let few = &cells[cells.len().saturating_sub(FEW)..];
    let between = f64::from(last - few[0].second) / few.len() as f64;
    let silence = end.saturating_sub(last);
    (silence > SILENCE_S && f64::from(silence) > SILENCES * between).then_some(last)
}

/// That an endpoint got worse.
pub(crate) struct Rise {
    pub worse: Worse,
    /// The first second of it.
    pub onset: u32,
    pub p: f64,
    pub past: PastPeaks,
}

/// An endpoint since then, compared with before.
pub(crate) fn compared(
    journal: &Journal,
    index: usize,
    Rise { worse, onset, p, past }: Rise,
    range: &Range<u32>,
) -> Incident {
    let baseline = onset.saturating_sub(BASELINE_S).max(range.start)..onset;
    let mut before = journal.spending(index, &baseline, &past);
    let mut now = journal.spending(index, &(onset..range.end), &past);
    let refused = refused(journal, index, (&baseline, &before), (&(onset..range.end), &now));
    journal.move_overdue(index, &baseline, (&mut before, &mut now));
    let failed = failures(&journal.endpoints[index], onset, range, &past);
    let parts = decompose(&before, &now);
    let weight = weight(&parts, failed, now.requests / f64::from(past.left_of(onset..range.end).max(1)));
    Incident {
        endpoint: index,
        worse,
        onset,
        end: range.end,
        p,
        before,
        now,
        parts,
        failed,
        refused,
        weight,
        past,
        silent_since: None,
    }
}

/// Which share of an endpoint's requests was refused in two times, each with what ended in it.
fn refused(
    journal: &Journal,
    index: usize,
    before: (&Range<u32>, &Spending),
    now: (&Range<u32>, &Spending),
) -> RefusedShare {
    let Some(seconds) = journal.refusals.endpoint(index) else { return RefusedShare::default() };
    let share = |refused: f64, ended: f64| refused / (refused + ended).max(1.0);
    let counts = (seconds.totals(before.0).0, seconds.totals(now.0).0);
    RefusedShare {
        count: counts.1,
        before: share(counts.0, before.1.requests),
        now: share(counts.1, now.1.requests),
    }
}

/// The signal that shows most clearly that an endpoint got worse.
struct Worst {
    worse: Worse,
    found: ChangePoint,
    /// By how much the mean duration must have risen for it to matter, in milliseconds.
    least_ms: f64,
    /// What may show that it was worse than it is now.
    levels: &'static [LevelOf],
}

/// What a second is judged by.
type LevelOf = fn(&SecondCell) -> f64;

/// The typical duration, as a logarithm, which outliers hardly move; the mean, which a few affected requests move.
const LEVELS: [LevelOf; 2] = [
    |cell| f64::from(cell.sum_log) / f64::from(cell.count),
    |cell| f64::from(cell.sum_ms) / f64::from(cell.count),
];

fn of(cells: &[SecondCell], value: LevelOf) -> Vec<f64> {
    cells.iter().map(value).collect()
}

/// Failures count before durations: what fails is often quick.
fn worst(cells: &[SecondCell], series: usize) -> Option<Worst> {
    let (failed, all) = (of(cells, |cell| f64::from(cell.errors)), of(cells, |cell| f64::from(cell.count)));
    let rule = |floor| OnsetRule { series, floor };
    let is_more = |before: f64, after: f64| after > 2.0 * before && after - before > LEAST_SHARE;
    if let Some(found) = rise_of_share(&failed, &all, rule(0.0), is_more) {
        return Some(Worst { worse: Worse::Failing, found, least_ms: f64::NEG_INFINITY, levels: &[] });
    }
    // How many are much slower than usual, such as those of one organization, which are too few to move the mean of each second.
    let slow = rise_of_share(&of(cells, |cell| f64::from(cell.slow)), &all, rule(0.0), is_more);
    let is_longer = |before: f64, after: f64| after - before > LEAST_RATIO.ln();
    let typical = rise(&of(cells, LEVELS[0]), rule(FLOOR), is_longer);
    let is_longer = |before: f64, after: f64| after > LEAST_RATIO * before && after - before > LEAST_MS;
    let mean = rise(&of(cells, LEVELS[1]), rule(FLOOR), is_longer);
    let signals = [
        typical.map(|found| (found, LEAST_MS, &LEVELS[..])),
        mean.map(|found| (found, LEAST_MS, &LEVELS[1..])),
        // Each of them is slow enough to matter, however little a few of them move the mean.
        slow.map(|found| (found, 0.0, &LEVELS[..0])),
    ];
    let clearest = signals.into_iter().flatten().min_by(|(one, ..), (other, ..)| one.p.total_cmp(&other.p));
    let (found, least_ms, levels) = clearest?;
    Some(Worst { worse: Worse::Slower, found, least_ms, levels })
}

/// Which share failed before and since the onset.
fn failures(endpoint: &JournalEndpoint, onset: u32, range: &Range<u32>, past: &PastPeaks) -> (f64, f64) {
    let share = |start: u32, end: u32| {
        let cells = endpoint.seconds.between(start, end).filter(|cell| !past.has(cell.second));
        let (count, errors) = cells
            .fold((0u64, 0u64), |sum, cell| (sum.0 + u64::from(cell.count), sum.1 + u64::from(cell.errors)));
        errors as f64 / count.max(1) as f64
    };
    (share(onset.saturating_sub(BASELINE_S).max(range.start), onset), share(onset, range.end))
}

/// An endpoint that waits for a connection suffers from another one, so waiting counts little.
fn weight(parts: &[PartChange], failed: (f64, f64), rate: f64) -> f64 {
    let of = |part: &PartChange| part.added_ms * blame(&part.part);
    rate * (parts.iter().map(of).sum::<f64>() + FAILED_MS * (failed.1 - failed.0).max(0.0))
}

/// How much of the time of a part is its own fault: waits are the fault of others.
pub(crate) fn blame(part: &PartKey) -> f64 {
    if part.is_wait() { 0.1 } else { 1.0 }
}
