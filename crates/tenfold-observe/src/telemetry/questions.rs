//! The question what is wrong, and what is kept for it.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use tenfold_data::{Timestamp, TraceId};
use tenfold_why::{
    ChangeKind, Diagnosis, JournalLimits, LedgerChange, QueueWait, SavedMinute, SavedPage, SavedSeries,
};

use super::Telemetry;
use super::archive::WhyArchive;
use super::question::WhyQuestion;
use super::refusals::RefusedRequest;
use super::spent::micros;
use super::why::BIG_JOB;
use super::work::Work;

/// How many traces an answer to [`Telemetry::why`] has.
const WHY_TRACES: usize = 5;

/// A question about a moment that is no longer ago, in microseconds, is one about now.
const JUST_NOW_US: i64 = 1_000_000;

/// The most statements that one change concerns.
const MOST_CONCERNED: usize = 100;

impl Telemetry {
    /// Begins to record requests and jobs for [`why`](Telemetry::why), within these limits.
    pub fn record_for_why(&self, limits: JournalLimits) {
        self.0.why.begin(limits);
    }

    /// Whether it does.
    pub fn records_for_why(&self) -> bool {
        self.0.why.is_on()
    }

    /// The question what is wrong from `since`, or in the last two hours, until `until`. If that is now, the requests that have no answer at
    /// this moment are a part of it.
    pub fn question(&self, since: Option<Timestamp>, until: Timestamp) -> WhyQuestion {
        let now = self.now();
        // Of an earlier time it is not known what was unfinished then.
        let is_now = now.as_microsecond() - until.as_microsecond() <= JUST_NOW_US;
        let unfinished = if is_now && self.0.why.is_on() { self.unfinished(now) } else { Vec::new() };
        WhyQuestion { since, until, unfinished: unfinished.into() }
    }

    /// The answer to a question that is asked now.
    pub fn why(&self, since: Option<Timestamp>, until: Timestamp) -> Option<Diagnosis> {
        self.answer(&self.question(since, until))
    }

    /// What is wrong. Traces are those that are kept. `None` if nothing is recorded for it. It computes for up to a second, so call it where
    /// that blocks nobody.
    pub fn answer(&self, question: &WhyQuestion) -> Option<Diagnosis> {
        if !self.0.why.is_on() {
            return None;
        }
        let until = question.until;
        let jobs = self.0.active.running_jobs();
        let long = jobs.iter().filter(|job| job.took >= BIG_JOB);
        long.for_each(|job| self.0.why.note_job(&job.kind, job.at));
        // As they were then.
        let until_then = |at: Timestamp| Duration::try_from(until.duration_since(at)).ok();
        let running = jobs.into_iter().filter_map(|job| Some((job.kind, job.took.min(until_then(job.at)?))));
        let running = running.collect();
        Some(self.completed(self.0.why.ask(question, running)?))
    }

    /// A request was refused. It takes a short lock, and waits for no question.
    pub fn refused(&self, request: RefusedRequest<'_>) {
        self.0.why.record_refused(request, self.now());
    }

    /// A job of this kind waited so long in its queue until it began, or has waited so far.
    pub fn job_waited(&self, kind: &str, queue: &str, waited: Duration) {
        if self.0.why.is_on() {
            let (kind, queue, at_us) = (kind.to_owned(), queue.to_owned(), self.now().as_microsecond());
            self.0.why.record_wait(QueueWait { at_us, kind, queue, waited_us: micros(waited) });
        }
    }

    /// The same answer with those of its traces that can be shown, and with plans of its statements: for one that was computed elsewhere.
    pub fn completed(&self, mut answer: Diagnosis) -> Diagnosis {
        answer.traces = self.kept_traces(&answer);
        self.add_plans(&mut answer);
        answer
    }

    /// What this process has recorded in the minutes of a range, counted since 1970; of all endpoints and jobs, or of one. It waits for a
    /// question that is being answered, so call it where that blocks nobody.
    pub fn minutes_for_why(&self, name: Option<&str>, minutes: Range<u32>) -> Vec<SavedMinute> {
        self.0.why.minutes(name, minutes)
    }

    /// The seconds of all endpoints and jobs from the first to before the last of a range, counted since 1970; `None` if they are not all there
    /// any more. It waits for a question that is being answered, so call it where that blocks nobody.
    pub fn seconds_for_why(&self, seconds: Range<u32>) -> Option<Vec<SavedSeries>> {
        self.0.why.seconds(seconds)
    }

    /// Sets where more is kept than in memory. The first call decides.
    pub fn set_archive(&self, archive: Arc<dyn WhyArchive>) {
        let _ = self.0.archive.set(archive);
    }

    /// Where more is kept than in memory, if it is.
    pub fn archive(&self) -> Option<Arc<dyn WhyArchive>> {
        self.0.archive.get().cloned()
    }

    /// Traces of an answer that can be shown: of those that it names, else of the endpoint since the onset.
    fn kept_traces(&self, answer: &Diagnosis) -> Vec<u128> {
        let is_kept =
            |id: &u128| TraceId::from_bytes(id.to_be_bytes()).is_some_and(|id| !self.trace(id).is_empty());
        let traces: Vec<u128> = answer.traces.iter().copied().filter(is_kept).take(WHY_TRACES).collect();
        let Some(endpoint) = answer.endpoints.first().filter(|_| traces.is_empty()) else { return traces };
        let passes = |work: &Work| {
            work.beginning.name == endpoint.name && work.beginning.at.as_microsecond() >= endpoint.since_us
        };
        let slowest = self.slowest(WHY_TRACES, passes);
        slowest.iter().map(|work| u128::from_be_bytes(work.beginning.trace_id.to_bytes())).collect()
    }

    /// Notes a change of the application, which may be the cause of what is measured later.
    pub fn changed(&self, kind: ChangeKind, what: String) {
        self.note(LedgerChange::new(kind, what, self.now().as_microsecond()));
    }

    /// Notes a change with all that is known of it. Of its statements at most a hundred are kept.
    pub fn note(&self, mut change: LedgerChange) {
        if let Some(statements) = &mut change.statements {
            statements.sort_unstable();
            statements.dedup();
            statements.truncate(MOST_CONCERNED);
        }
        self.0.why.note(change);
    }

    /// The changes that were noted, the oldest first: starts, migrations, long jobs. They wait for a question that is being
    /// answered, so call it where that blocks nobody.
    pub fn changes(&self) -> Vec<LedgerChange> {
        self.0.why.changes()
    }

    /// How many requests and jobs were not recorded for [`why`](Telemetry::why), because too many came while it was asked.
    pub fn lost_for_why(&self) -> u64 {
        self.0.why.lost()
    }

    /// What happened in the seconds from `first` to before `end`, to be kept elsewhere. `None` if nothing did. It waits for a
    /// question that is being answered, so call it where that blocks nobody.
    pub fn save_for_why(&self, first: u32, end: u32) -> Option<SavedPage> {
        self.0.why.save(first, end)
    }

    /// Adds what was saved before this process started. Pages come in their order, before the first request.
    pub fn restore_for_why(&self, page: SavedPage) {
        self.0.why.restore(page);
    }

    /// Sets why the history is not kept, or that it is; whether that is new.
    pub fn set_history_error(&self, error: Option<String>) -> bool {
        self.0.why.set_history_error(error)
    }

    /// Why the history is not kept beside the process, if it should be.
    pub fn history_error(&self) -> Option<String> {
        self.0.why.history_error()
    }

    /// Sets what could not be read of the history when the process started, in words; `None` if all was read.
    pub fn set_history_gap(&self, gap: Option<String>) {
        self.0.why.set_history_gap(gap);
    }

    /// What could not be read of it.
    pub fn history_gap(&self) -> Option<String> {
        self.0.why.history_gap()
    }
}
