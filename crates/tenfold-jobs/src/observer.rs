//! The observer of the jobs that a process runs: metrics and traces.

use std::time::Duration;

use tenfold_data::{Cost, SpanId, TraceContext};

use crate::rows::{JobState, QueuedJob};

/// Observes every job that this process runs. Called on the job's task: do not block.
pub trait JobObserver: Send + Sync {
    /// A job begins. `trace` is the work's own, `parent` the work that enqueued it. The returned value learns of
    /// the end. It is dropped without that if the job is interrupted: cancelled, handed back, or its lease lost.
    fn begin(&self, job: &QueuedJob, trace: TraceContext, parent: Option<SpanId>) -> Box<dyn JobWatch>;

    /// How many jobs there are that are not finished, by state; now and then, from every worker.
    fn queued(&self, counts: &[(JobState, u64)]);
}

/// Watches one job.
pub trait JobWatch: Send {
    /// The job's work is over; what it cost does not count what the worker writes about it.
    fn end(self: Box<Self>, end: JobEnd<'_>);
}

/// How an attempt went.
#[derive(Clone, Copy, Debug)]
pub struct JobEnd<'a> {
    /// What went wrong, if something did.
    pub error: Option<&'a str>,
    /// How long it took.
    pub elapsed: Duration,
    /// What it cost.
    pub cost: Cost,
}

/// Of more jobs than this in one state it is only said that there are so many.
pub const COUNTED: u64 = 10_000;
