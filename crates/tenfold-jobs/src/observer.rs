//! The observer of the jobs that a process runs: metrics and traces.

use std::time::Duration;

use tenfold_data::{Cost, SpanId, TraceContext};

use crate::rows::{JobState, QueuedJob};

/// Observes every job that this process runs. Called on the job's task: do not block.
pub trait JobObserver: Send + Sync {
    /// A job begins. `trace` is the job's own, `parent` the span that enqueued it. The returned value is told
    /// how the job ended, or is dropped if the job is interrupted: cancelled, handed back, or its lease lost.
    fn begin(&self, job: &QueuedJob, trace: TraceContext, parent: Option<SpanId>) -> Box<dyn JobWatch>;

    /// How many unfinished jobs there are, by state; called now and then, by every worker.
    fn queued(&self, counts: &[(JobState, u64)]);

    /// The job of this kind that waits longest in a queue has waited so long since it was due; called now and then, by every worker. So it
    /// is known that jobs wait also while none begins.
    fn waits(&self, kind: &str, queue: &str, waited: Duration);
}

/// Watches one job.
pub trait JobWatch: Send {
    /// The job's work is over; its cost does not include what the worker writes about it.
    fn end(self: Box<Self>, end: JobEnd<'_>);
}

/// How an attempt went.
#[derive(Clone, Copy, Debug)]
pub struct JobEnd<'a> {
    /// The error, if the attempt failed.
    pub error: Option<&'a str>,
    /// How long it took.
    pub elapsed: Duration,
    /// What it cost.
    pub cost: Cost,
}

/// Counts of jobs in one state are capped here.
pub const COUNTED: u64 = 10_000;
