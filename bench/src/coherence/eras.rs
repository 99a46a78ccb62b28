//! A history in which an older state of the rows came back: what was known before says nothing about what is read after it. So each part
//! is judged by itself, and the second one begins with the rows that came back.

use super::history::{ReadNote, WriteNote, WriteStep};
use super::restore::Restore;
use super::verdict::{CoherenceVerdict, ProcessHistory, judge};

/// Judges the history before and after `restore`. Reads between them may show either state, and are only counted.
pub fn judge_eras(processes: Vec<ProcessHistory>, restore: &Restore, staleness: u64) -> CoherenceVerdict {
    let (mut before, mut after, mut between) = (Vec::new(), Vec::new(), 0);
    for ProcessHistory { writes, reads } in processes {
        let (early, late) = writes_apart(writes, restore.at);
        let is_early = |read: &ReadNote| read.end < restore.at;
        let is_late = |read: &ReadNote| read.start > restore.told + staleness;
        let all = reads.len();
        let (early_reads, rest): (Vec<_>, Vec<_>) = reads.into_iter().partition(is_early);
        let late_reads: Vec<_> = rest.into_iter().filter(is_late).collect();
        between += (all - early_reads.len() - late_reads.len()) as u64;
        before.push(ProcessHistory { writes: early, reads: early_reads });
        after.push(ProcessHistory { writes: late, reads: late_reads });
    }
    // Nobody's, as far as the processes are concerned.
    after.push(ProcessHistory { writes: came_back(restore), reads: Vec::new() });
    let (one, mut other) = (judge(&before, staleness), judge(&after, staleness));
    other.writes -= restore.rows.len() as u64;
    let mut both = one.and(other);
    both.between = between;
    both
}

/// The writes of the transactions that had taken their version before this moment, and the others. Each step belongs to its transaction.
fn writes_apart(writes: Vec<WriteNote>, at: u64) -> (Vec<WriteNote>, Vec<WriteNote>) {
    let is_begin = |note: &WriteNote| matches!(note.step, WriteStep::Put | WriteStep::Delete);
    let early: std::collections::HashSet<u64> =
        writes.iter().filter(|note| is_begin(note) && note.at < at).map(|note| note.token).collect();
    writes.into_iter().partition(|note| early.contains(&note.token))
}

/// The rows that came back, as writes that were acknowledged when all had been told.
fn came_back(restore: &Restore) -> Vec<WriteNote> {
    let steps = [(WriteStep::Put, restore.at), (WriteStep::Acknowledged, restore.told)];
    let of_row = |row: &super::restore::SavedItem| {
        let (key, version, token) = (row.key, row.version, row.token);
        steps.map(|(step, at)| WriteNote { step, key, version, token, at })
    };
    restore.rows.iter().flat_map(of_row).collect()
}
