//! Compares the ledger with the actual state. It knows only the promises, not how the backend works.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tenfold::data::Timestamp;

use crate::found::{Evidence, FoundFile};
use crate::ledger::Entry;

/// The kinds of jobs that must complete exactly once for each ready file: the processing, and the delivery of its event
/// to the notifications.
const ONCE: [&str; 2] = ["files.process_upload", "notifications.on_file_ready"];

/// How many complaints of each kind are shown.
const SHOWN: usize = 20;

/// A moment at which processes were killed.
#[derive(Clone, Copy, Debug)]
pub struct Kill {
    /// When.
    pub at: Timestamp,
    /// When the restarted processes were ready.
    pub ready: Timestamp,
    /// Whether the kill interrupted jobs.
    pub of_jobs: bool,
}

/// The result: which promises were kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Uploads that were answered with 202.
    pub accepted: usize,
    /// Those of them whose effects are complete.
    pub effected: usize,
    /// What was promised and is missing.
    pub lost: Vec<String>,
    /// What exists more than once.
    pub duplicated: Vec<String>,
    /// What should not exist, or is counted wrongly.
    pub strays: Vec<String>,
    /// Uploads that were stored although the kill cut off their answer: not promised, but they count fully.
    pub unanswered: usize,
    /// How often a job was restarted because its worker was lost; each time at most one step is repeated.
    pub repeated: u64,
    /// The most restarts of a single job.
    pub most_repeated: u64,
    /// For each file that was not ready when processes were killed: the time from the end of the restart until it
    /// was, sorted.
    pub recovery: Vec<Duration>,
}

impl Verdict {
    /// Whether every promise was kept.
    pub fn is_clean(&self) -> bool {
        self.lost.is_empty() && self.duplicated.is_empty() && self.strays.is_empty()
    }

    /// The complaints, one per line, the first few of each kind.
    pub fn complaints(&self) -> String {
        let mut text = String::new();
        for (what, list) in [("lost", &self.lost), ("duplicated", &self.duplicated), ("stray", &self.strays)]
        {
            text.extend(list.iter().take(SHOWN).map(|item| format!("{what}: {item}\n")));
            if list.len() > SHOWN {
                text.push_str(&format!("{what}: and {} more\n", list.len() - SHOWN));
            }
        }
        text
    }

    /// Compares the promises with the state.
    pub fn of(ledger: &[Entry], kills: &[Kill], found: &Evidence) -> Self {
        let mut verdict = Verdict { accepted: ledger.len(), ..Verdict::default() };
        let files: BTreeMap<&str, &FoundFile> =
            found.files.iter().map(|file| (file.id.as_str(), file)).collect();
        let notified = count(found.notified.iter().map(String::as_str));
        let blobs: BTreeMap<&str, &str> =
            found.blobs.iter().map(|(file, hash)| (file.as_str(), hash.as_str())).collect();
        for entry in ledger {
            match missing(entry, &files, &notified, &blobs) {
                Some(missing) => verdict.lost.push(format!("{} ({}): {missing}", entry.id, entry.name)),
                None => verdict.effected += 1,
            }
        }
        let acknowledged: BTreeSet<&str> = ledger.iter().map(|entry| entry.id.as_str()).collect();
        verdict.unanswered = files.keys().filter(|id| !acknowledged.contains(*id)).count();
        verdict.duplicated(ledger, found, &notified);
        verdict.strays(found, &files, &blobs);
        verdict.repeated = found.jobs.iter().map(|job| job.crashes).sum();
        verdict.most_repeated = found.jobs.iter().map(|job| job.crashes).max().unwrap_or(0);
        verdict.recovery = recovery(ledger, kills, found);
        verdict
    }

    fn duplicated(&mut self, ledger: &[Entry], found: &Evidence, notified: &BTreeMap<&str, usize>) {
        for (file, count) in notified.iter().filter(|(_, count)| **count > 1) {
            self.duplicated.push(format!("{count} notifications of {file}"));
        }
        for kind in ONCE {
            let of_kind = found.jobs.iter().filter(|job| job.kind == kind && job.completed);
            for (file, count) in count(of_kind.map(|job| job.file.as_str())) {
                if count > 1 {
                    self.duplicated.push(format!("{kind} completed {count} times for {file}"));
                }
            }
        }
        for (name, count) in count(found.files.iter().map(|file| file.name.as_str())) {
            if count > 1 {
                self.duplicated.push(format!("{count} files of the one request {name}"));
            }
        }
        for (id, count) in count(ledger.iter().map(|entry| entry.id.as_str())) {
            if count > 1 {
                self.duplicated.push(format!("{count} answers with the one id {id}"));
            }
        }
    }

    fn strays(&mut self, found: &Evidence, files: &BTreeMap<&str, &FoundFile>, blobs: &BTreeMap<&str, &str>) {
        let mut stray = |what: String| self.strays.push(what);
        for file in found.files.iter().filter(|file| file.status != "ready") {
            stray(format!("{} ({}) is {}", file.id, file.name, file.status));
        }
        for file in files.keys().filter(|id| !blobs.contains_key(*id)) {
            stray(format!("{file} has no bytes"));
        }
        for blob in blobs.keys().filter(|id| !files.contains_key(*id)) {
            stray(format!("the bytes {blob} belong to no file"));
        }
        for name in &found.incoming {
            stray(format!("{name} was left half written"));
        }
        for kind in &found.queued {
            stray(format!("a job {kind} is not finished"));
        }
        for job in found.jobs.iter().filter(|job| !job.completed) {
            stray(format!("a job {} of {} was given up after {} crashes", job.kind, job.file, job.crashes));
        }
        let sum: u64 = found.files.iter().map(|file| file.size).sum();
        if sum != found.usage {
            stray(format!("the quota counts {} bytes, and the files have {sum}", found.usage));
        }
    }
}

/// Which of an upload's effects are missing.
fn missing(
    entry: &Entry,
    files: &BTreeMap<&str, &FoundFile>,
    notified: &BTreeMap<&str, usize>,
    blobs: &BTreeMap<&str, &str>,
) -> Option<String> {
    let Some(file) = files.get(&*entry.id) else { return Some("there is no such file".to_owned()) };
    if file.status != "ready" {
        return Some(format!("it is {}", file.status));
    }
    if (&file.sha256, file.size) != (&entry.sha256, entry.size) || file.name != entry.name {
        return Some("its row is of another upload".to_owned());
    }
    if blobs.get(&*entry.id) != Some(&&*entry.sha256) {
        return Some("its bytes are others or gone".to_owned());
    }
    (!notified.contains_key(&*entry.id)).then(|| "nobody was notified".to_owned())
}

fn count<'a>(items: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, usize> {
    let mut counts = BTreeMap::new();
    for item in items {
        *counts.entry(item).or_default() += 1;
    }
    counts
}

fn recovery(ledger: &[Entry], kills: &[Kill], found: &Evidence) -> Vec<Duration> {
    let processed = found.jobs.iter().filter(|job| job.kind == ONCE[0] && job.completed);
    let ready: BTreeMap<&str, Timestamp> =
        processed.map(|job| (job.file.as_str(), job.finished_at)).collect();
    let of_entry = |entry: &Entry| {
        let ready = *ready.get(&*entry.id)?;
        let caught = kills.iter().find(|kill| kill.of_jobs && entry.at <= kill.at && kill.at < ready)?;
        Some(ready.duration_since(caught.ready).unsigned_abs())
    };
    let mut all: Vec<Duration> = ledger.iter().filter_map(of_entry).collect();
    all.sort();
    all
}

#[cfg(test)]
mod tests;
