//! Records requests and jobs for the question what is wrong: [`Telemetry::why`].
//!
//! A request leaves its event in a short list. Every so often the one that fills it moves the list into the journal. If
//! somebody just asks, and so holds the journal, the list grows to its bound instead, and no request waits.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tenfold_data::{Timestamp, TraceId};
use tenfold_why::{
    Answer, ChangeKind, Journal, JournalLimits, LedgerChange, PartKey, SavedPage, StatementPlace, WideEvent,
    diagnose,
};

use super::spent::{Spent, micros};
use super::work::{Ending, StatementKey, What, Work, WorkKind};
use super::{Telemetry, TelemetryState};

/// How many events wait before they are moved into the journal.
const BATCH: usize = 64;
/// How many events wait at most while somebody asks; further ones are lost, and counted.
const MOST_PENDING: usize = 8_192;
/// A job that runs for so long is a change.
const BIG_JOB: Duration = Duration::from_secs(5);
/// How many traces an answer has.
const TRACES: usize = 5;

/// What happens with wide events.
#[derive(Debug, Default)]
pub(super) struct WhyRecorder {
    is_on: AtomicBool,
    pending: Mutex<Vec<WideEvent>>,
    journal: Mutex<Option<Journal>>,
    lost: AtomicU64,
    history_error: Mutex<Option<String>>,
}

impl WhyRecorder {
    fn record(&self, event: WideEvent) {
        let mut pending = lock(&self.pending);
        if pending.len() >= MOST_PENDING {
            self.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        pending.push(event);
        if pending.len() % BATCH != 0 {
            return;
        }
        // Whoever holds the journal moves the events when it is done.
        let Ok(mut journal) = self.journal.try_lock() else { return };
        let events = std::mem::take(&mut *pending);
        drop(pending);
        move_into(&mut journal, &events);
    }

    /// The journal, with all events so far.
    fn journal(&self) -> MutexGuard<'_, Option<Journal>> {
        let mut journal = lock(&self.journal);
        let events = std::mem::take(&mut *lock(&self.pending));
        move_into(&mut journal, &events);
        journal
    }
}

fn move_into(journal: &mut Option<Journal>, events: &[WideEvent]) {
    if let Some(journal) = journal {
        events.iter().for_each(|event| journal.record(event));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Telemetry {
    /// Begins to record requests and jobs for [`why`](Telemetry::why), within these limits.
    pub fn record_for_why(&self, limits: JournalLimits) {
        *lock(&self.0.why.journal) = Some(Journal::new(limits));
        self.0.why.is_on.store(true, Ordering::Release);
    }

    /// Notes a change of the application, which may be the cause of what is measured later.
    pub fn changed(&self, kind: ChangeKind, what: String) {
        self.note(LedgerChange { kind, what, at_us: self.now().as_microsecond(), organization: None });
    }

    /// What is wrong from `since`, or in the last two hours, until `until`. Traces are those that are kept. `None` if
    /// nothing is recorded for it. It computes for up to a second, so call it where that blocks nobody.
    pub fn why(&self, since: Option<Timestamp>, until: Timestamp) -> Option<Answer> {
        if !self.0.why.is_on.load(Ordering::Acquire) {
            return None;
        }
        self.0.active.long_jobs(BIG_JOB).into_iter().for_each(|(name, at)| self.note(job_change(&name, at)));
        let since = since.map(Timestamp::as_microsecond);
        let mut answer = diagnose(self.0.why.journal().as_ref()?, since, until.as_microsecond());
        answer.traces = self.kept_traces(&answer);
        Some(answer)
    }

    /// How many requests and jobs were not recorded for [`why`](Telemetry::why), because too many came while it was asked.
    pub fn lost_for_why(&self) -> u64 {
        self.0.why.lost.load(Ordering::Relaxed)
    }

    /// What happened in the seconds from `first` to before `end`, to be kept elsewhere. `None` if nothing did.
    pub fn save_for_why(&self, first: u32, end: u32) -> Option<SavedPage> {
        let saved = self.0.why.journal().as_ref()?.save(first, end);
        (saved != SavedPage::default()).then_some(saved)
    }

    /// Adds what was saved before this process started. Pages come in their order, before the first request.
    pub fn restore_for_why(&self, page: SavedPage) {
        if let Some(journal) = &mut *self.0.why.journal() {
            journal.restore(page);
        }
    }

    /// Sets why the history is not kept, or that it is; whether that is new.
    pub fn set_history_error(&self, error: Option<String>) -> bool {
        let mut known = lock(&self.0.why.history_error);
        let is_new = *known != error;
        *known = error;
        is_new
    }

    /// Why the history is not kept beside the process, if it should be.
    pub fn history_error(&self) -> Option<String> {
        lock(&self.0.why.history_error).clone()
    }

    fn note(&self, change: LedgerChange) {
        if let Some(journal) = &mut *self.0.why.journal() {
            journal.changes_mut().add(change);
        }
    }

    /// Traces of an answer that can be shown: of those that it names, else of the endpoint since the onset.
    fn kept_traces(&self, answer: &Answer) -> Vec<u128> {
        let is_kept =
            |id: &u128| TraceId::from_bytes(id.to_be_bytes()).is_some_and(|id| !self.trace(id).is_empty());
        let mut traces: Vec<u128> = answer.traces.iter().copied().filter(is_kept).take(TRACES).collect();
        if let (true, Some(endpoint)) = (traces.is_empty(), answer.endpoints.first()) {
            let passes = |work: &Work| {
                work.beginning.name == endpoint.name
                    && work.beginning.at.as_microsecond() >= endpoint.since_us
            };
            let slowest = self.slowest(TRACES, passes);
            traces =
                slowest.iter().map(|work| u128::from_be_bytes(work.beginning.trace_id.to_bytes())).collect();
        }
        traces
    }
}

impl TelemetryState {
    /// Records finished work.
    pub(super) fn record_for_why(&self, work: &Work, spent: Spent, now: Timestamp) {
        if !self.why.is_on.load(Ordering::Acquire) {
            return;
        }
        self.why.record(WideEvent {
            at_us: now.as_microsecond(),
            name: work.beginning.name.clone(),
            organization: work.organization.map(|id| id.0.as_u128()),
            user: work.user.map(|id| id.as_u128()),
            duration_us: micros(work.duration),
            failed: work.ending.is_error(),
            error: error_of(work),
            trace: u128::from_be_bytes(work.beginning.trace_id.to_bytes()),
            parts: spent.0,
        });
        if work.beginning.kind == WorkKind::Job
            && work.duration >= BIG_JOB
            && let Some(journal) = &mut *self.why.journal()
        {
            journal.changes_mut().add(job_change(&work.beginning.name, work.beginning.at));
        }
    }
}

fn job_change(name: &str, at: Timestamp) -> LedgerChange {
    let what = format!("the job {name} began");
    LedgerChange { kind: ChangeKind::Job, what, at_us: at.as_microsecond(), organization: None }
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
            let failed = work.spans.iter().rev().filter(|span| span.failed);
            Some(
                failed
                    .filter_map(|span| line(&span.what))
                    .next()
                    .unwrap_or_else(|| format!("status {status}")),
            )
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
