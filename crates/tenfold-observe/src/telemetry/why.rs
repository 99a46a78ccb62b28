//! Records requests and jobs for the question what is wrong: [`Telemetry::why`](super::Telemetry::why).
//!
//! A request leaves its event in a short list, and so does whatever notes a change. Every so often the one that fills it moves the
//! list into the journal. If somebody just asks, and so holds the journal, the list grows to its bound instead, and no request and
//! no job waits.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tenfold_data::Timestamp;
use tenfold_why::{
    ChangeKind, Diagnosis, Journal, JournalLimits, LedgerChange, PartKey, QueueWait, SavedMinute, SavedPage,
    SavedSeries, StatementPlace, WideEvent, diagnose,
};

use super::question::WhyQuestion;
use super::refusals::{RefusalCounter, RefusedRequest, RefusedRow};
use super::spent::{Spent, micros};
use super::work::{Ending, StatementKey, What, Work, WorkKind};

/// How many events wait before they are moved into the journal.
const BATCH: usize = 64;
/// How many events wait at most while somebody asks; further ones are lost, and counted.
const MOST_PENDING: usize = 8_192;
/// How many changes wait at most; further ones are lost, and counted.
const MOST_PENDING_CHANGES: usize = 1_000;
/// A job that runs for so long is a change.
pub(super) const BIG_JOB: Duration = Duration::from_secs(5);

/// What happens with wide events.
#[derive(Debug, Default)]
pub(super) struct WhyRecorder {
    is_on: AtomicBool,
    pending: Mutex<PendingRecords>,
    refusals: Mutex<RefusalCounter>,
    journal: Mutex<Option<Journal>>,
    lost: AtomicU64,
    history_error: Mutex<Option<String>>,
    history_gap: Mutex<Option<String>>,
}

/// What is not in the journal yet.
#[derive(Debug, Default)]
struct PendingRecords {
    events: Vec<WideEvent>,
    waits: Vec<QueueWait>,
    changes: Vec<LedgerChange>,
}

impl PendingRecords {
    fn move_into(self, journal: &mut Option<Journal>) {
        let Some(journal) = journal else { return };
        self.events.iter().for_each(|event| journal.record(event));
        self.waits.iter().for_each(|wait| journal.record_wait(wait));
        self.changes.into_iter().for_each(|change| journal.changes_mut().add(change));
    }
}

impl WhyRecorder {
    fn record(&self, event: WideEvent) {
        let mut pending = lock(&self.pending);
        let is_kept = self.keep(&mut pending.events, MOST_PENDING, event);
        if is_kept && !pending.events.len().is_multiple_of(BATCH) {
            return;
        }
        // If somebody asks just now, the next full list, or the next question, moves them.
        let Ok(mut journal) = self.journal.try_lock() else { return };
        let records = std::mem::take(&mut *pending);
        drop(pending);
        records.move_into(&mut journal);
    }

    /// Notes how long a job waited, if it [is on](Self::is_on). It waits for nobody, as an event.
    pub(super) fn record_wait(&self, wait: QueueWait) {
        self.keep(&mut lock(&self.pending).waits, MOST_PENDING, wait);
    }

    /// Keeps a record, or counts it as lost if there are too many; whether it is kept.
    fn keep<T>(&self, records: &mut Vec<T>, most: usize, record: T) -> bool {
        let has_room = records.len() < most;
        if has_room {
            records.push(record);
        } else {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        has_room
    }

    /// The journal, with all that was recorded so far. Waits for a question, so no request and no job may call it.
    fn journal(&self) -> MutexGuard<'_, Option<Journal>> {
        let mut journal = lock(&self.journal);
        let records = std::mem::take(&mut *lock(&self.pending));
        records.move_into(&mut journal);
        let refused = lock(&self.refusals).take();
        move_refused(refused, &mut journal);
        journal
    }

    /// Counts a refused request. Once a second the counts go into the journal, unless somebody asks just now.
    pub(super) fn record_refused(&self, request: RefusedRequest<'_>, now: Timestamp) {
        let mut refusals = lock(&self.refusals);
        if !refusals.count(request, now) {
            return;
        }
        let Ok(mut journal) = self.journal.try_lock() else { return };
        let rows = refusals.take_finished();
        drop(refusals);
        move_refused(rows, &mut journal);
    }

    pub(super) fn refused_by_minute(&self, now: Timestamp, minutes: usize) -> Vec<u64> {
        lock(&self.refusals).by_minute(now, minutes)
    }
}

fn move_refused(rows: Vec<RefusedRow>, journal: &mut Option<Journal>) {
    let Some(journal) = journal else { return };
    rows.iter().for_each(|(of, cell)| journal.record_refused(of, *cell));
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl WhyRecorder {
    /// Begins to record, within these limits.
    pub(super) fn begin(&self, limits: JournalLimits) {
        *lock(&self.journal) = Some(Journal::new(limits));
        self.is_on.store(true, Ordering::Release);
    }

    pub(super) fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Acquire)
    }

    /// Notes a change. It waits for nobody: a question, or the next full list, moves it into the journal.
    pub(super) fn note(&self, change: LedgerChange) {
        if !self.is_on() {
            return;
        }
        let mut pending = lock(&self.pending);
        if pending.changes.len() >= MOST_PENDING_CHANGES || !pending.changes.contains(&change) {
            self.keep(&mut pending.changes, MOST_PENDING_CHANGES, change);
        }
    }

    /// Notes that a job runs long, by its name and start.
    pub(super) fn note_job(&self, name: &str, at: Timestamp) {
        let what = format!("the job {name} began");
        self.note(LedgerChange::new(ChangeKind::Job, what, at.as_microsecond()));
    }

    /// Answers a question; `running` are the jobs that run just now, with their kind and for how long.
    pub(super) fn ask(&self, question: &WhyQuestion, running: Vec<(String, Duration)>) -> Option<Diagnosis> {
        let (since, until) = (question.since.map(Timestamp::as_microsecond), question.until.as_microsecond());
        let mut journal = self.journal();
        let journal = journal.as_mut()?;
        let in_ms = |(kind, took): (String, Duration)| (kind, took.as_secs_f64() * 1_000.0);
        journal.set_running(running.into_iter().map(in_ms).collect());
        Some(diagnose(&journal.with_unfinished(&question.unfinished), since, until))
    }

    pub(super) fn changes(&self) -> Vec<LedgerChange> {
        let journal = self.journal();
        let mut changes: Vec<_> =
            journal.iter().flat_map(|journal| journal.changes().iter().cloned()).collect();
        changes.sort_by_key(|change| change.at_us);
        changes
    }

    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    pub(super) fn save(&self, first: u32, end: u32) -> Option<SavedPage> {
        let saved = self.journal().as_ref()?.save(first, end);
        (saved != SavedPage::default()).then_some(saved)
    }

    pub(super) fn minutes(&self, name: Option<&str>, minutes: Range<u32>) -> Vec<SavedMinute> {
        self.journal().as_ref().map(|journal| journal.minutes(name, minutes)).unwrap_or_default()
    }

    pub(super) fn seconds(&self, seconds: Range<u32>) -> Option<Vec<SavedSeries>> {
        self.journal().as_ref()?.endpoint_seconds(seconds)
    }

    pub(super) fn restore(&self, page: SavedPage) {
        if let Some(journal) = &mut *self.journal() {
            journal.restore(page);
        }
    }

    /// Whether that is new.
    pub(super) fn set_history_error(&self, error: Option<String>) -> bool {
        let mut known = lock(&self.history_error);
        let is_new = *known != error;
        *known = error;
        is_new
    }

    pub(super) fn history_error(&self) -> Option<String> {
        lock(&self.history_error).clone()
    }

    pub(super) fn set_history_gap(&self, gap: Option<String>) {
        *lock(&self.history_gap) = gap;
    }

    pub(super) fn history_gap(&self) -> Option<String> {
        lock(&self.history_gap).clone()
    }

    /// Records finished work.
    pub(super) fn record_work(&self, work: &Work, spent: Spent, now: Timestamp) {
        if !self.is_on() {
            return;
        }
        self.record(WideEvent {
            at_us: now.as_microsecond(),
            name: work.beginning.name.clone(),
            organization: work.organization.map(|id| id.0.as_u128()),
            user: work.user.map(|id| id.as_u128()),
            duration_us: micros(work.duration),
            failed: work.ending.is_error(),
            error: error_of(work),
            trace: u128::from_be_bytes(work.beginning.trace_id.to_bytes()),
            waited_us: work.beginning.job.as_ref().map_or(0, |job| micros(job.waited)),
            parts: spent.0,
        });
        if work.beginning.kind == WorkKind::Job && work.duration >= BIG_JOB {
            self.note_job(&work.beginning.name, work.beginning.at);
        }
    }
}

/// The text of the error with which work failed: that of a job, or the last one that a request logged.
fn error_of(work: &Work) -> Option<String> {
    let line = |what: &What| match what {
        What::Line(line) => Some(line.clone()),
        _ => None,
    };
    match &work.ending {
        Ending::Failed(error) => Some(error.clone()),
        Ending::Answered(status) if *status >= 500 => {
            let mut failed = work.spans.iter().rev().filter(|span| span.failed);
            let logged = failed.find_map(|span| line(&span.what));
            Some(logged.unwrap_or_else(|| format!("status {status}")))
        }
        _ => None,
    }
}

impl StatementKey {
    /// The statement as a part of what a request takes.
    pub(super) fn part(name: &str, site: tenfold_data::CallSite) -> PartKey {
        let (name, file) = (name.to_owned(), site.file().to_owned());
        PartKey::Statement(Arc::new(StatementPlace { name, file, line: site.line() }))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn change(what: &str) -> LedgerChange {
        LedgerChange::new(ChangeKind::Setting, what.to_owned(), 1)
    }

    fn event(at_us: i64) -> WideEvent {
        WideEvent {
            at_us,
            name: "GET /orders".to_owned(),
            organization: None,
            user: None,
            duration_us: 1_000,
            failed: false,
            error: None,
            trace: 1,
            waited_us: 0,
            parts: Vec::new(),
        }
    }

    #[test]
    fn nothing_that_is_recorded_waits_for_a_question() {
        let recorder = Arc::new(WhyRecorder::default());
        recorder.begin(JournalLimits::default());
        // What a question holds while it is answered.
        let question = recorder.journal();
        let (done, is_done) = mpsc::channel();
        let works = Arc::clone(&recorder);
        let work = std::thread::spawn(move || {
            (0..2 * BATCH as i64).for_each(|at| works.record(event(at * 1_000_000)));
            works.note(change("a job began"));
            works.note(change("a job began"));
            let _ = done.send(());
        });
        is_done.recv_timeout(Duration::from_secs(60)).expect("recording does not wait for the question");
        assert!(question.as_ref().is_some_and(|journal| journal.changes().iter().next().is_none()));
        drop(question);
        work.join().expect("the work is done");
        let journal = recorder.journal();
        let journal = journal.as_ref().expect("it records");
        assert_eq!(journal.changes().iter().map(|change| &*change.what).collect::<Vec<_>>(), ["a job began"]);
        assert_eq!(journal.names().collect::<Vec<_>>(), ["GET /orders"]);
        assert_eq!(recorder.lost(), 0);
    }

    #[test]
    fn waiting_changes_are_bounded_and_the_lost_are_counted() {
        let recorder = WhyRecorder::default();
        recorder.note(change("nobody records"));
        recorder.begin(JournalLimits::default());
        (0..MOST_PENDING_CHANGES + 2).for_each(|number| recorder.note(change(&number.to_string())));
        assert_eq!(recorder.lost(), 2);
        assert_eq!(
            recorder.journal().as_ref().map(|journal| journal.changes().iter().count()),
            Some(MOST_PENDING_CHANGES)
        );
    }
}
