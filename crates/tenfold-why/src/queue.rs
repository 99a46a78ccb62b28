//! Jobs that wait longer in their queue than before, and what its workers are busy with.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use crate::decomposition::{PartChange, Spending};
use crate::event::PartKey;
use crate::incident::{BASELINE_S, Incident, RefusedShare, Worse, blame};
use crate::journal::{Journal, JournalEndpoint};
use crate::onset::{OnsetRule, rise};
use crate::past_peaks::PastPeaks;
use crate::seconds::{SecondCell, Seconds};

/// By how much jobs must wait longer for it to matter, in milliseconds: a queue is there so that they may wait a little.
const LEAST_WAIT_MS: f64 = 5_000.0;
/// How many times as long.
const LEAST_RATIO: f64 = 2.0;
/// Shorter waits, in milliseconds, are not told apart.
const SHORT_MS: f64 = 1_000.0;
/// The least variance that is believed of the logarithms of waits.
const FLOOR: f64 = 0.0025;
/// How long before the onset workers are looked at, at most, in seconds: they were busy while those waited that began then.
const LONGEST_LOOK_S: f64 = 600.0;
/// A kind is not named if it has less of the time of all jobs, or if all jobs together take less of the time of one worker: then it
/// had time.
const LEAST_BUSY: f64 = 0.5;

/// The queues in which the jobs of a kind wait longer. A kind has one queue, unless that was changed lately.
pub(crate) fn waits(journal: &Journal, index: usize, range: &Range<u32>) -> Vec<Incident> {
    let endpoint = &journal.endpoints[index];
    let queues = endpoint.parts.iter().filter(|(part, _)| part.queue().is_some());
    queues.filter_map(|(part, seconds)| wait(journal, index, (part, seconds), range)).collect()
}

fn wait(
    journal: &Journal,
    endpoint: usize,
    (part, seconds): (&PartKey, &Seconds),
    range: &Range<u32>,
) -> Option<Incident> {
    let cells: Vec<SecondCell> = seconds.between(range.start, range.end).copied().collect();
    // A queue that backs up is a ramp, whose logarithm is nearly a step.
    let level = |cell: &SecondCell| (f64::from(cell.sum_ms) / f64::from(cell.count)).max(SHORT_MS).ln();
    let levels: Vec<f64> = cells.iter().map(level).collect();
    let rule = OnsetRule { series: journal.endpoints.len(), floor: FLOOR };
    let found = rise(&levels, rule, |before, after| after - before > LEAST_RATIO.ln())?;
    let onset = cells[found.index].second;
    let before = sum(seconds, &(onset.saturating_sub(BASELINE_S).max(range.start)..onset));
    let now = sum(seconds, &(onset..range.end));
    let mean = |spending: &Spending| spending.ms / spending.requests.max(1.0);
    let each_ms = (mean(&before), mean(&now));
    if each_ms.1 - each_ms.0 < LEAST_WAIT_MS {
        return None;
    }
    let part = busy_part(journal, part, each_ms.1, &(onset..range.end));
    let added_ms = each_ms.1 - each_ms.0;
    let weight = blame(&part) * added_ms * now.requests / f64::from(range.end - onset);
    let change =
        PartChange { part, added_ms, by_count_ms: 0.0, times: (1.0, 1.0), each_ms, failed: (0.0, 0.0) };
    Some(Incident {
        endpoint,
        worse: Worse::Waiting,
        onset,
        end: range.end,
        p: found.p,
        before,
        now,
        parts: vec![change],
        failed: (0.0, 0.0),
        refused: RefusedShare::default(),
        weight,
        past: PastPeaks::default(),
        silent_since: None,
    })
}

fn sum(seconds: &Seconds, range: &Range<u32>) -> Spending {
    let cells = seconds.between(range.start, range.end);
    let (requests, ms) =
        cells.fold((0.0, 0.0), |sum, cell| (sum.0 + f64::from(cell.count), sum.1 + f64::from(cell.sum_ms)));
    Spending { requests, ms, parts: BTreeMap::new() }
}

/// The wait with what the workers of the queue are busy with.
fn busy_part(journal: &Journal, part: &PartKey, waited_ms: f64, seconds: &Range<u32>) -> PartKey {
    let Some(queue) = part.queue() else { return part.clone() };
    let look_s = (waited_ms / 1_000.0).clamp(0.0, LONGEST_LOOK_S) as u32;
    let seconds = seconds.start.saturating_sub(look_s)..seconds.end;
    let busy_with = busiest(journal, queue, &seconds).filter(|(_, share)| *share >= LEAST_BUSY);
    let words = |(kind, share): (&str, f64)| format!("jobs of the kind {kind} ({:.0} %)", 100.0 * share);
    PartKey::Queue { queue: Arc::from(queue), busy_with: busy_with.map(words).map(Arc::from) }
}

/// The kind of jobs on which the workers of a queue spent most time, and the share of their time, 0 to 1. Jobs that have not ended count with
/// what they have taken so far.
fn busiest<'j>(journal: &'j Journal, queue: &str, seconds: &Range<u32>) -> Option<(&'j str, f64)> {
    let is_there =
        |endpoint: &&JournalEndpoint| endpoint.parts.keys().any(|part| part.queue() == Some(queue));
    let most_ms = f64::from(seconds.end - seconds.start) * 1_000.0;
    let taken = |endpoint: &'j JournalEndpoint| {
        // What a job took before these seconds is not theirs.
        let cells = endpoint.seconds.between(seconds.start, seconds.end);
        let ended: f64 = cells.map(|cell| f64::from(cell.sum_ms).min(f64::from(cell.count) * most_ms)).sum();
        let running = journal.running.iter().filter(|(kind, _)| *kind == endpoint.name);
        (&*endpoint.name, ended + running.map(|(_, ms)| ms.min(most_ms)).sum::<f64>())
    };
    let times: Vec<(&str, f64)> = journal.endpoints.iter().filter(is_there).map(taken).collect();
    let all: f64 = times.iter().map(|(_, ms)| ms).sum();
    let (kind, ms) = times.into_iter().max_by(|one, other| one.1.total_cmp(&other.1))?;
    (all >= LEAST_BUSY * most_ms.max(1.0)).then(|| (kind, ms / all))
}
