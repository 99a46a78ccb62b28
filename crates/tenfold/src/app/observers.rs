//! Passes what the data layer and the jobs do on to metrics and telemetry.

use std::sync::Arc;
use std::time::Duration;

use tenfold_data::{
    CallRecord, Observer, Outcome, RepeatedRecord, SpanId, StatementRecord, TraceContext, TransactionRecord,
    WaitRecord,
};
use tenfold_jobs::{JobEnd, JobObserver, JobState, JobWatch, QueuedJob};
use tenfold_observe::metrics::{self, Metrics};
use tenfold_observe::telemetry::{Beginning, Ending, JobFacts, Recording, Telemetry, Totals, WorkKind};

/// Observes statements, calls and jobs.
#[derive(Clone)]
pub(super) struct Watcher {
    pub(super) metrics: Metrics,
    pub(super) telemetry: Telemetry,
}

impl Observer for Watcher {
    fn statement(&self, record: &StatementRecord) {
        let (database, seconds) = (record.dialect.system_name(), record.elapsed.as_secs_f64());
        let outcome = outcome(record.outcome, "statement");
        self.metrics.statement(record.module, &record.name, database, outcome, seconds);
        self.telemetry.statement(record);
    }

    fn call(&self, record: &CallRecord) {
        let outcome = outcome(record.outcome, "call");
        self.metrics.call(record.module, record.method, outcome, record.elapsed.as_secs_f64());
        self.telemetry.call(record);
    }

    fn transaction(&self, record: &TransactionRecord) {
        self.telemetry.transaction(record);
    }

    fn repeated(&self, record: &RepeatedRecord) {
        self.metrics.repeated(record.module, &record.name);
        self.telemetry.repeated(record);
    }

    fn waited(&self, record: &WaitRecord) {
        self.metrics.waited(record.site.file(), record.site.line());
    }
}

fn outcome(outcome: Outcome, what: &'static str) -> metrics::MetricOutcome {
    match outcome {
        Outcome::Ok => metrics::MetricOutcome::Ok,
        Outcome::Failed => metrics::MetricOutcome::Failed(what),
        // A client that leaves must not look like a fault.
        Outcome::GivenUp => metrics::MetricOutcome::Failed("given_up"),
    }
}

impl JobObserver for Watcher {
    fn begin(&self, job: &QueuedJob, trace: TraceContext, parent: Option<SpanId>) -> Box<dyn JobWatch> {
        let now = self.telemetry.clock().now();
        // A clock that was set back must not give a negative wait.
        let waited = Duration::try_from(now.duration_since(job.run_at)).unwrap_or_default();
        self.telemetry.job_waited(&job.kind, &job.queue, waited);
        let facts =
            JobFacts { id: job.id.0, attempt: u32::try_from(job.attempt).unwrap_or(u32::MAX), waited };
        let recording = self.telemetry.begin(Beginning {
            kind: WorkKind::Job,
            name: job.kind.clone(),
            trace_id: trace.trace_id,
            span_id: trace.span_id,
            parent,
            at: now,
            organization: job.org_id,
            job: Some(facts),
        });
        Box::new(ObservedJob { metrics: self.metrics.clone(), kind: job.kind.clone(), waited, recording })
    }

    fn waits(&self, kind: &str, queue: &str, waited: Duration) {
        self.telemetry.job_waited(kind, queue, waited);
    }

    fn queued(&self, counts: &[(JobState, u64)]) {
        let counts: Vec<_> = counts.iter().map(|(state, count)| (state.as_str(), *count)).collect();
        self.metrics.jobs_queued(&counts);
    }
}

struct ObservedJob {
    metrics: Metrics,
    kind: String,
    waited: Duration,
    recording: Recording,
}

impl JobWatch for ObservedJob {
    fn end(self: Box<Self>, end: JobEnd<'_>) {
        let outcome = end.error.map_or(metrics::MetricOutcome::Ok, |_| metrics::MetricOutcome::Failed("job"));
        self.metrics.job(&self.kind, outcome, self.waited.as_secs_f64(), end.elapsed.as_secs_f64());
        let ending = end.error.map_or(Ending::Completed, |error| Ending::Failed(error.to_owned()));
        self.recording.end(ending, Totals::of(&end.cost));
    }
}

/// The observer that passes everything on to telemetry and metrics.
pub(super) fn watcher(metrics: &Metrics, telemetry: &Telemetry) -> Arc<Watcher> {
    Arc::new(Watcher { metrics: metrics.clone(), telemetry: telemetry.clone() })
}
