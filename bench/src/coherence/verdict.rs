//! Judges a history: whether each read showed what it had to.
//!
//! The versions of a row grow with its commits, because each transaction takes the next one behind a lock. So a read is right if its
//! version is at least the highest that it had to know: of other processes what was acknowledged `staleness` before it began, of its
//! own process what was acknowledged or shown before it began. A row that is gone has the version of the delete.

use std::collections::HashMap;

use super::history::{ReadNote, WriteNote, WriteStep};

/// What a process has noted.
pub struct ProcessHistory {
    pub writes: Vec<WriteNote>,
    pub reads: Vec<ReadNote>,
}

/// The result.
#[derive(Default)]
pub struct CoherenceVerdict {
    pub reads: u64,
    /// Acknowledged changes of rows.
    pub writes: u64,
    pub aborted: u64,
    /// Changes whose outcome the writer does not know.
    pub unknown: u64,
    /// Reads that may show either of two states.
    pub between: u64,
    /// What was wrong, the first few.
    pub violations: Vec<String>,
    pub violation_count: u64,
    /// By how much reads were late that had missed what another process had committed, in microseconds.
    pub lateness: Vec<u64>,
}

impl CoherenceVerdict {
    /// Both together.
    pub fn and(mut self, other: Self) -> Self {
        self.violations.extend(other.violations);
        self.lateness.extend(other.lateness);
        self.lateness.sort_unstable();
        CoherenceVerdict {
            reads: self.reads + other.reads,
            writes: self.writes + other.writes,
            aborted: self.aborted + other.aborted,
            unknown: self.unknown + other.unknown,
            between: self.between + other.between,
            violation_count: self.violation_count + other.violation_count,
            ..self
        }
    }
}

/// A transaction's change of a row.
#[derive(Clone, Copy)]
struct JudgedChange {
    version: u64,
    process: usize,
    begun: u64,
    acknowledged: Option<u64>,
    is_aborted: bool,
    deletes: bool,
}

/// Versions that were known from a time on: the highest so far, in the order of time.
#[derive(Default)]
struct KnownVersions(Vec<(u64, u64)>);

impl KnownVersions {
    fn of(mut known: Vec<(u64, u64)>) -> Self {
        known.sort_unstable();
        let mut highest = 0;
        for (_, version) in &mut known {
            highest = highest.max(*version);
            *version = highest;
        }
        KnownVersions(known)
    }

    /// The highest that was known before this time.
    fn before(&self, time: u64) -> u64 {
        let count = self.0.partition_point(|(known, _)| *known < time);
        count.checked_sub(1).map_or(0, |last| self.0[last].1)
    }

    /// When a higher version than this was first known.
    fn first_above(&self, version: u64) -> Option<u64> {
        self.0.get(self.0.partition_point(|(_, known)| *known <= version)).map(|(time, _)| *time)
    }
}

/// What is known of one row.
#[derive(Default)]
struct RowHistory {
    by_token: HashMap<u64, JudgedChange>,
    acknowledged: KnownVersions,
    /// By the process that reads.
    own: HashMap<usize, KnownVersions>,
}

/// Judges it. `staleness` is in microseconds.
pub fn judge(processes: &[ProcessHistory], staleness: u64) -> CoherenceVerdict {
    let mut verdict = CoherenceVerdict::default();
    let mut rows = changes(processes, &mut verdict);
    for row in rows.values_mut() {
        let known = row.by_token.values().filter_map(|change| Some((change.acknowledged?, change.version)));
        row.acknowledged = KnownVersions::of(known.collect());
    }
    let mut own: HashMap<(u64, usize), Vec<(u64, u64)>> = HashMap::new();
    for (key, row) in &rows {
        for change in row.by_token.values() {
            if let Some(at) = change.acknowledged {
                own.entry((*key, change.process)).or_default().push((at, change.version));
            }
        }
    }
    for (process, history) in processes.iter().enumerate() {
        for read in &history.reads {
            let change = rows.get(&read.key).and_then(|row| row.by_token.get(&read.token));
            if change.is_some_and(|change| change.process == process) {
                own.entry((read.key, process)).or_default().push((read.end, read.version));
            }
        }
    }
    for ((key, process), known) in own {
        rows.entry(key).or_default().own.insert(process, KnownVersions::of(known));
    }
    let none = RowHistory::default();
    for (process, history) in processes.iter().enumerate() {
        for read in &history.reads {
            verdict.reads += 1;
            judge_read(read, process, rows.get(&read.key).unwrap_or(&none), staleness, &mut verdict);
        }
    }
    verdict.lateness.sort_unstable();
    verdict
}

fn changes(processes: &[ProcessHistory], verdict: &mut CoherenceVerdict) -> HashMap<u64, RowHistory> {
    let mut rows: HashMap<u64, RowHistory> = HashMap::new();
    for (process, history) in processes.iter().enumerate() {
        for note in &history.writes {
            let row = rows.entry(note.key).or_default();
            match note.step {
                WriteStep::Put | WriteStep::Delete => {
                    let change = JudgedChange {
                        version: note.version,
                        process,
                        begun: note.at,
                        acknowledged: None,
                        is_aborted: false,
                        deletes: note.step == WriteStep::Delete,
                    };
                    row.by_token.insert(note.token, change);
                }
                WriteStep::Acknowledged => {
                    row.by_token.get_mut(&note.token).into_iter().for_each(|change| {
                        change.acknowledged = Some(note.at);
                        verdict.writes += 1;
                    });
                }
                WriteStep::Aborted => {
                    row.by_token.get_mut(&note.token).into_iter().for_each(|change| {
                        change.is_aborted = true;
                        verdict.aborted += 1;
                    });
                }
            }
        }
    }
    let all = rows.values().flat_map(|row| row.by_token.values());
    verdict.unknown = all.filter(|change| change.acknowledged.is_none() && !change.is_aborted).count() as u64;
    rows
}

fn judge_read(
    read: &ReadNote,
    process: usize,
    row: &RowHistory,
    staleness: u64,
    verdict: &mut CoherenceVerdict,
) {
    let own = row.own.get(&process).map_or(0, |known| known.before(read.start));
    let of_all = row.acknowledged.before(read.start.saturating_sub(staleness));
    let least = own.max(of_all);
    let shown = match (read.token, row.by_token.get(&read.token)) {
        // Of the deletes that the read may have seen, the newest.
        (0, _) => {
            let seen =
                |change: &&JudgedChange| change.deletes && !change.is_aborted && change.begun <= read.end;
            row.by_token.values().filter(seen).map(|change| change.version).max().unwrap_or(0)
        }
        (_, Some(change)) if change.is_aborted => {
            return wrong(verdict, || format!("{read:?} of process {process} shows what was rolled back"));
        }
        (_, Some(change)) if change.begun <= read.end && change.version == read.version => read.version,
        _ => {
            return wrong(verdict, || format!("{read:?} of process {process} shows what nobody had written"));
        }
    };
    if shown < least {
        let how = format!("version {least} was known, {own} in the same process");
        return wrong(verdict, || format!("{read:?} of process {process}: {how}"));
    }
    // A row that is gone may be older than the newest delete, so only rows count.
    if read.token != 0
        && let Some(known) = row.acknowledged.first_above(shown).filter(|known| *known < read.start)
    {
        verdict.lateness.push(read.start - known);
    }
}

fn wrong(verdict: &mut CoherenceVerdict, what: impl Fn() -> String) {
    const SHOWN: usize = 5;
    verdict.violation_count += 1;
    if verdict.violations.len() < SHOWN {
        verdict.violations.push(what());
    }
}
