//! What the console shows of a running process: its endpoints, jobs and statements per minute, and selected traces.
//!
//! Everything is in memory and bounded: an hour of minutes for a thousand names of each kind, and a few thousand
//! traces with up to [`SPAN_LIMIT`] spans. Recording takes a short lock at most.

mod active;
mod archive;
mod calls;
mod export;
mod histogram;
mod layer;
mod outbound;
mod planned;
mod plans;
mod question;
mod questions;
mod reading;
mod refusals;
mod rollup;
mod spent;
mod store;
mod unfinished;
mod why;
mod work;

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tenfold_data::{
    Boundary, CallRecord, CallSite, CallsUnderWay, Clock, DatabaseWaits, OrgId, Outcome, RepeatKind,
    RepeatedRecord, SpanId, StatementRecord, Timestamp, TransactionRecord, Uuid,
};

use active::Active;
use calls::Calls;
use export::WorkExport;
use plans::PlanBook;
use rollup::{Rollups, Series};
use spent::{PartTime, Spent};
use store::Store;
use tenfold_why::PartKey;
use why::WhyRecorder;

use crate::export::ExportQueue;

pub use self::archive::{ArchivedDays, ArchivedSums, EndpointSums, WhyArchive};
pub use self::calls::CallRow;
pub use self::histogram::Histogram;
pub use self::layer::TelemetryLayer;
pub use self::question::WhyQuestion;
pub use self::refusals::RefusedRequest;
pub use self::rollup::{MINUTES, SERIES_LIMIT, Summary};
pub use tenfold_why as diagnosis;

pub use self::work::{
    Beginning, Ending, JobFacts, Kept, OutboundCall, Repeat, SPAN_LIMIT, Span, StatementKey, Totals, What,
    Work, WorkKind,
};

/// A request's wait for a thread is counted from here on. Shorter ones come and go with everything else on the machine, and would make
/// onsets uncertain.
const LEAST_SCHEDULED: Duration = Duration::from_millis(50);
/// A shorter wait for admission is no part of its own: it would only take memory.
const LEAST_QUEUED: Duration = Duration::from_micros(100);

/// The telemetry of a process; a clone is another handle on the same.
#[derive(Clone, Debug)]
pub struct Telemetry(Arc<TelemetryState>);

#[derive(Debug)]
struct TelemetryState {
    clock: Clock,
    works: Rollups<WorkKey>,
    statements: Rollups<Arc<StatementKey>>,
    calls: Calls,
    /// All requests together, for the overview.
    requests: rollup::Minutes,
    active: Active,
    store: Mutex<Store>,
    why: WhyRecorder,
    plans: PlanBook,
    archive: OnceLock<Arc<dyn WhyArchive>>,
    calls_under_way: OnceLock<Arc<CallsUnderWay>>,
    export: OnceLock<WorkExport>,
}

/// A name of requests or jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
struct WorkKey {
    kind: WorkKind,
    name: String,
}

/// The figures of the requests of one route, or of the jobs of one kind.
#[derive(Clone, Debug)]
pub struct WorkRow {
    /// The method and route, or the job's kind.
    pub name: String,
    /// Their figures.
    pub summary: Summary,
}

/// The figures of one statement.
#[derive(Clone, Debug)]
pub struct StatementRow {
    /// The statement.
    pub statement: Arc<StatementKey>,
    /// Its figures.
    pub summary: Summary,
}

/// Work in progress: it is recorded until [`Recording::end`]. Dropped earlier, it counts as abandoned.
#[derive(Debug)]
pub struct Recording {
    telemetry: Telemetry,
    span_id: SpanId,
    began: Instant,
    ended: bool,
}

impl Telemetry {
    /// Telemetry that has seen nothing yet.
    pub fn new(clock: Clock) -> Self {
        let other = WorkKey { kind: WorkKind::Request, name: "other".to_owned() };
        let text = "what found no room among the statements that are told apart".to_owned();
        let others = StatementKey {
            name: "other".to_owned(),
            module: "",
            text,
            site: None,
            by_key: false,
            part: PartKey::Other,
        };
        Telemetry(Arc::new(TelemetryState {
            clock,
            works: Rollups::new(other),
            statements: Rollups::new(Arc::new(others)),
            calls: Calls::default(),
            requests: rollup::Minutes::default(),
            active: Active::default(),
            store: Mutex::default(),
            why: WhyRecorder::default(),
            plans: PlanBook::default(),
            archive: OnceLock::new(),
            calls_under_way: OnceLock::new(),
            export: OnceLock::new(),
        }))
    }

    /// The `tracing` layer that adds authors' spans, warnings and errors to the work in which they happen.
    pub fn layer(&self) -> TelemetryLayer {
        TelemetryLayer::new(self.clone())
    }

    /// Work begins.
    pub fn begin(&self, beginning: Beginning) -> Recording {
        self.begin_at(beginning, Instant::now(), Spent::default())
    }

    /// A request begins that arrived at `arrived`, and was not admitted for `queued` since then. What else has passed is a wait for a
    /// thread: if it was long it is a part of the duration, as `queued` is.
    pub fn begin_arrived(&self, beginning: Beginning, arrived: Instant, queued: Duration) -> Recording {
        let scheduled = arrived.elapsed().saturating_sub(queued);
        let late = if scheduled < LEAST_SCHEDULED { scheduled } else { Duration::ZERO };
        let mut spent = Spent::default();
        if queued >= LEAST_QUEUED {
            spent.add(&PartKey::AdmissionWait, queued, false);
        }
        if scheduled >= LEAST_SCHEDULED {
            spent.add(&PartKey::SchedulerWait, scheduled, false);
        }
        self.begin_at(beginning, arrived + late, spent)
    }

    fn begin_at(&self, beginning: Beginning, began: Instant, spent: Spent) -> Recording {
        let span_id = beginning.span_id;
        self.0.active.begin(beginning, began, spent);
        Recording { telemetry: self.clone(), span_id, began, ended: false }
    }

    /// The clock that defines its minutes.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Sets the organization and user of running work, as soon as they are known. `work` is its span.
    pub fn acts_for(&self, work: SpanId, organization: OrgId, user: Option<Uuid>) {
        self.0.active.acts_for(work, organization, user);
    }

    /// A statement came back from the database.
    pub fn statement(&self, record: &StatementRecord) {
        let about = (&*record.name, record.module, &*record.text, record.by_key);
        let series = self.series(about, record.site);
        let failed = record.outcome == Outcome::Failed;
        // What it waits for is not its own time.
        let time = PartTime::of(record.elapsed, &record.waits);
        series.minutes.record(self.now(), time.worked, failed);
        self.0.active.add_part(record.trace.span_id, &series.key.part, time, failed, || {
            What::Statement(Arc::clone(&series.key), record.rows)
        });
    }

    fn series(
        &self,
        (name, module, text, by_key): (&str, &'static str, &str, bool),
        site: CallSite,
    ) -> Arc<Series<Arc<StatementKey>>> {
        self.0.statements.find(
            (name, site.file(), site.line(), site.column()),
            |key| key.name == name && key.site == Some(site),
            || {
                let (name, text) = (name.to_owned(), text.to_owned());
                let part = StatementKey::part(&name, site);
                Arc::new(StatementKey { name, module, text, site: Some(site), by_key, part })
            },
        )
    }

    /// Something repeated within work that is about to end.
    pub fn repeated(&self, record: &RepeatedRecord) {
        if record.kind != RepeatKind::Call {
            // Its runs were recorded before.
            let about = (&*record.name, record.module, &*record.text, false);
            self.series(about, record.site).minutes.repeated();
        }
        self.0.active.add_repeat(record.trace.span_id, Repeat::from(record));
    }

    /// A call to another module returned.
    pub fn call(&self, record: &CallRecord) {
        self.0.calls.record(record, self.now());
        let failed = record.outcome == Outcome::Failed;
        self.0.active.add(record.trace.span_id, record.elapsed, failed, || What::Call {
            module: record.module,
            method: record.method,
            site: record.site,
        });
    }

    /// A call to another service has ended just now. `work` is the span of the request or job that made it.
    fn called(&self, work: SpanId, call: Box<OutboundCall>, took: Duration) {
        let part = PartKey::Outbound(Some(Arc::from(call.to_string())));
        let (waits, failed) = (DatabaseWaits::default(), call.error.is_some());
        let time = PartTime::of(took, &waits);
        self.0.active.add_part(work, &part, time, failed, || What::Outbound(call));
    }

    /// A transaction has begun, or is committed.
    pub fn transaction(&self, record: &TransactionRecord) {
        let failed = record.outcome == Outcome::Failed;
        let what = || What::Transaction(record.boundary, record.site);
        let part = match record.boundary {
            Boundary::Begin => PartKey::PoolWait,
            Boundary::Commit => PartKey::Commit,
        };
        let time = PartTime::of(record.elapsed, &record.waits).without(record.statements);
        self.0.active.add_part(record.trace.span_id, &part, time, failed, what);
    }

    /// Begins to collect finished work to be sent elsewhere: what is kept, and of the rest this share of the traces (0 to 1).
    /// At most `bound` pieces wait. The first call decides.
    pub fn export(&self, share: f64, bound: usize) -> Arc<ExportQueue<Arc<Work>>> {
        self.0.export.get_or_init(|| WorkExport::new(share, bound)).queue()
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.0.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Counts finished work, and keeps its trace if it is worth it.
    fn finish(&self, mut work: Work, spent: Spent) {
        let now = self.now();
        self.0.why.record_work(&work, spent, now);
        let (kind, name) = (work.beginning.kind, &work.beginning.name);
        let series = self.0.works.find(
            (kind, name),
            |known| known.kind == kind && known.name == *name,
            || WorkKey { kind, name: name.clone() },
        );
        let failed = work.ending.is_error();
        let usual = series.minutes.record(now, work.duration, failed);
        if kind == WorkKind::Request {
            self.0.requests.record(now, work.duration, failed);
        }
        if !work.repeats.is_empty() {
            series.minutes.repeated();
            if kind == WorkKind::Request {
                self.0.requests.repeated();
            }
        }
        let mut store = self.store();
        let kept = store.reason(&work, Arc::as_ptr(&series).addr(), usual, now);
        let chooses = |export: &&WorkExport| kept.is_some() || export.chooses(work.beginning.trace_id);
        let export = self.0.export.get().filter(chooses);
        work.kept = kept.unwrap_or(work.kept);
        if kept.is_none() && export.is_none() {
            return;
        }
        let work = Arc::new(work);
        if kept.is_some() {
            store.keep(Arc::clone(&work));
        }
        drop(store);
        if let Some(export) = export {
            export.push(work);
        }
    }
}

impl Recording {
    /// Discards the work, such as that of telemetry itself. Gives the organization that it was for, if that was known.
    pub fn discard(mut self) -> Option<OrgId> {
        self.ended = true;
        let ended =
            self.telemetry.0.active.end(self.span_id, Duration::ZERO, Ending::Abandoned, Totals::default());
        ended.and_then(|(work, _)| work.organization)
    }

    /// The work has ended.
    pub fn end(mut self, ending: Ending, totals: Totals) {
        self.finish(ending, totals);
    }

    fn finish(&mut self, ending: Ending, totals: Totals) {
        self.ended = true;
        let ended = self.telemetry.0.active.end(self.span_id, self.began.elapsed(), ending, totals);
        if let Some((work, spent)) = ended {
            self.telemetry.finish(work, spent);
        }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        if !self.ended {
            self.finish(Ending::Abandoned, Totals::default());
        }
    }
}
