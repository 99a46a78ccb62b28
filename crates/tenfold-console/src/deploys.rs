//! What was started, migrated and set together, and how endpoints did before and after it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use tenfold::telemetry::diagnosis::{
    ChangeKind, ComparedTime, LedgerChange, MinuteCell, REACH, SavedSeries, TimeComparison, Trend, compare,
    loop_starts,
};
use tenfold::telemetry::{EndpointSums, Telemetry};

/// For how long before and after it endpoints are compared, in seconds.
const LENGTH_S: u32 = 600;
/// What is noted within this many seconds after a start belongs to it.
const TOGETHER_S: u32 = 60;
/// A start so many seconds after another one, or fewer, is one of the same deploy: a process that was started again at once.
const AGAIN_S: u32 = 10;

/// A deploy: what was noted together, and which seconds around it are compared.
pub(crate) struct NotedDeploy {
    /// What was noted, the oldest first.
    pub changes: Vec<LedgerChange>,
    /// Seconds since 1970: before the first change, and since the last one, without those of the deploys before and after it.
    pub before: Range<u32>,
    pub after: Range<u32>,
}

impl NotedDeploy {
    /// The deploys among these changes, the newest first. The changes are in their order, a start before what came with it. `now` is in
    /// seconds since 1970.
    pub(crate) fn of(mut changes: Vec<LedgerChange>, now: u32) -> Vec<Self> {
        changes.retain(|change| is_of_deploy(change.kind));
        let begun = loop_starts(&changes);
        let mut groups: Vec<Vec<LedgerChange>> = Vec::new();
        let mut group_of = Vec::with_capacity(changes.len());
        for (place, change) in changes.into_iter().enumerate() {
            let together = if change.kind == ChangeKind::Deploy { AGAIN_S } else { TOGETHER_S };
            let joins = groups.last().is_some_and(|group| second(&change) <= last(group) + together);
            let is_again = begun[place] != place && group_of[begun[place]] + 1 == groups.len();
            match groups.last_mut() {
                Some(group) if joins || is_again => group.push(change),
                // An operator paused a queue.
                _ if change.kind == ChangeKind::Schedule => {}
                _ => groups.push(vec![change]),
            }
            group_of.push(groups.len().saturating_sub(1));
        }
        let ends: Vec<(u32, u32)> =
            groups.iter().map(|group| (group.first().map_or(0, second), last(group))).collect();
        let deploys = groups.into_iter().enumerate().map(|(index, changes)| {
            let (first, last) = ends[index];
            let since = index.checked_sub(1).map_or(0, |before| ends[before].1);
            let until = ends.get(index + 1).map_or(now, |next| next.0);
            NotedDeploy {
                changes,
                before: first.saturating_sub(LENGTH_S).max(since)..first,
                after: last..last.saturating_add(LENGTH_S).min(until).max(last),
            }
        });
        let mut deploys: Vec<Self> = deploys.collect();
        deploys.reverse();
        deploys
    }

    /// Whether seconds of it can still be in memory.
    fn is_recent(&self, now: u32) -> bool {
        self.before.start >= now.saturating_sub(REACH)
    }
}

/// Whether a deploy brings such a change. The others happen by themselves.
fn is_of_deploy(kind: ChangeKind) -> bool {
    use ChangeKind::{Job, Maintenance, Plan, Schema, Surge};
    !matches!(kind, Job | Maintenance | Plan | Schema | Surge)
}

fn second(change: &LedgerChange) -> u32 {
    u32::try_from(change.at_us.div_euclid(1_000_000)).unwrap_or(0)
}

/// The second of the last change that a deploy brings by itself: not of a queue that an operator paused soon after it.
fn last(group: &[LedgerChange]) -> u32 {
    group.iter().rfind(|change| change.kind != ChangeKind::Schedule).map_or(0, second)
}

/// The whole minutes of a range of seconds.
fn whole_minutes(seconds: &Range<u32>) -> Range<u32> {
    seconds.start.div_ceil(60)..seconds.end / 60
}

/// An endpoint in one of the two times.
pub(crate) struct DeployTime {
    pub figures: ComparedTime,
    /// The 99th percentile in whole minutes, in microseconds, if there is one.
    pub p99_us: Option<u64>,
}

/// An endpoint or kind of job, before and after.
pub(crate) struct DeployRow {
    pub name: String,
    pub before: Option<DeployTime>,
    pub after: Option<DeployTime>,
    /// `None` if there are too few requests on one of the sides.
    pub comparison: Option<TimeComparison>,
}

impl DeployRow {
    /// Worse if one of its figures is.
    pub(crate) fn trend(&self) -> Option<Trend> {
        let TimeComparison { durations, failures, .. } = self.comparison?;
        let either = |trend| durations == trend || failures == trend;
        Some([Trend::Worse, Trend::Better].into_iter().find(|trend| either(*trend)).unwrap_or(Trend::Alike))
    }

    /// What got worse first, the worst of it before all, then what got better.
    fn place(&self) -> (u8, f64) {
        let weight = self.comparison.map_or(0.0, |comparison| comparison.weight);
        match self.trend() {
            Some(Trend::Worse) => (0, -weight),
            Some(Trend::Better) => (1, weight),
            Some(Trend::Alike) => (2, 0.0),
            None => (3, 0.0),
        }
    }
}

/// What is known of the time before and after a deploy.
pub(crate) struct DeployFigures {
    /// The worst first.
    pub rows: Vec<DeployRow>,
    /// How long the two times are that are compared, in seconds.
    pub lengths: (u32, u32),
    /// Whether they are whole minutes.
    pub by_minutes: bool,
}

/// The seconds of endpoints in the two times of a deploy.
type DeploySeconds = (Vec<SavedSeries>, Vec<SavedSeries>);

/// What is known of several deploys.
#[derive(Default)]
pub(crate) struct KnownFigures {
    /// In the order of the deploys.
    pub of_deploys: Vec<DeployFigures>,
    /// Whether the file of `why.history` could not be read, so they are from memory alone.
    pub is_file_unread: bool,
}

/// What is known of these deploys, from the file and from memory.
pub(crate) async fn figures(telemetry: &Telemetry, deploys: &[NotedDeploy], now: u32) -> KnownFigures {
    let minutes: Vec<Range<u32>> = deploys
        .iter()
        .flat_map(|deploy| [whole_minutes(&deploy.before), whole_minutes(&deploy.after)])
        .collect();
    let (archived, is_file_unread) = match telemetry.archive() {
        Some(archive) => {
            let archived = archive.sums(minutes.clone()).await;
            let is_unread = archived.is_none();
            (archived, is_unread)
        }
        None => (None, false),
    };
    let (mut sums, written) = archived.map_or_else(
        || (vec![EndpointSums::new(); minutes.len()], 0),
        |archived| (archived.sums, archived.written),
    );
    let recent: Vec<Option<(Range<u32>, Range<u32>)>> = deploys
        .iter()
        .map(|deploy| deploy.is_recent(now).then(|| (deploy.before.clone(), deploy.after.clone())))
        .collect();
    let telemetry = telemetry.clone();
    // Both wait for a question that is being answered.
    let read = tokio::task::spawn_blocking(move || {
        for (range, sums) in minutes.into_iter().zip(&mut sums) {
            let range = range.start.max(written)..range.end;
            for saved in telemetry.minutes_for_why(None, range) {
                sums.entry(saved.endpoint).or_default().merge(&saved.cell);
            }
        }
        let seconds = recent.into_iter().map(|times| {
            let (before, after) = times?;
            Some((telemetry.seconds_for_why(before)?, telemetry.seconds_for_why(after)?))
        });
        (seconds.collect::<Vec<Option<DeploySeconds>>>(), sums)
    });
    let (seconds, sums) = read.await.unwrap_or_default();
    let of_deploys = deploys.iter().zip(seconds).zip(sums.chunks_exact(2));
    let of_deploys = of_deploys.map(|((deploy, seconds), sums)| DeployFigures::of(deploy, seconds, sums));
    KnownFigures { of_deploys: of_deploys.collect(), is_file_unread }
}

impl DeployFigures {
    /// By seconds if they are there, otherwise by the sums of whole minutes.
    fn of(deploy: &NotedDeploy, seconds: Option<DeploySeconds>, sums: &[EndpointSums]) -> Self {
        let by_minutes = seconds.is_none();
        let length = |time: &Range<u32>| {
            let minutes = whole_minutes(time);
            if by_minutes { 60 * minutes.end.saturating_sub(minutes.start) } else { time.end - time.start }
        };
        let lengths = (length(&deploy.before), length(&deploy.after));
        let (before, after) = match seconds {
            Some((before, after)) => (by_seconds(before, &sums[0]), by_seconds(after, &sums[1])),
            None => (by_sums(&sums[0]), by_sums(&sums[1])),
        };
        DeployFigures { rows: rows(before, after), lengths, by_minutes }
    }

    /// Whether nothing is known of the time before, and of the time after.
    pub(crate) fn is_unknown(&self) -> (bool, bool) {
        let rows = &self.rows;
        (rows.iter().all(|row| row.before.is_none()), rows.iter().all(|row| row.after.is_none()))
    }
}

fn p99_us(sum: &MinuteCell) -> Option<u64> {
    sum.durations.quantile(0.99)
}

fn by_seconds(series: Vec<SavedSeries>, sums: &EndpointSums) -> BTreeMap<String, DeployTime> {
    let times = series.into_iter().map(|SavedSeries { endpoint, cells, .. }| {
        let p99_us = sums.get(&endpoint).and_then(p99_us);
        (endpoint, DeployTime { figures: ComparedTime::of_seconds(&cells), p99_us })
    });
    times.collect()
}

fn by_sums(sums: &EndpointSums) -> BTreeMap<String, DeployTime> {
    let time = |sum: &MinuteCell| DeployTime { figures: ComparedTime::of_minutes(sum), p99_us: p99_us(sum) };
    sums.iter().map(|(endpoint, sum)| (endpoint.clone(), time(sum))).collect()
}

fn rows(mut before: BTreeMap<String, DeployTime>, mut after: BTreeMap<String, DeployTime>) -> Vec<DeployRow> {
    let names: BTreeSet<String> = before.keys().chain(after.keys()).cloned().collect();
    let count = names.len();
    let row = |name: String| {
        let (before, after) = (before.remove(&name), after.remove(&name));
        let comparison = before.as_ref().zip(after.as_ref());
        let comparison =
            comparison.and_then(|(before, after)| compare(&before.figures, &after.figures, count));
        DeployRow { name, before, after, comparison }
    };
    let mut rows: Vec<DeployRow> = names.into_iter().map(row).collect();
    rows.sort_by(|one, other| {
        let (one, other) = (one.place(), other.place());
        one.0.cmp(&other.0).then(one.1.total_cmp(&other.1))
    });
    rows
}
