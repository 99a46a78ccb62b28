//! How one job differs from the defaults of its kind.

use std::time::Duration;

use tenfold_data::Timestamp;

use crate::rows::JobId;

/// How one job differs from the defaults of its kind: `JobOptions::new().queue("mail").unique("digest")`.
#[derive(Clone, Debug, Default)]
pub struct JobOptions {
    pub(crate) run_at: Option<Timestamp>,
    pub(crate) priority: Option<i64>,
    pub(crate) queue: Option<&'static str>,
    pub(crate) tags: Vec<String>,
    pub(crate) unique: Option<UniqueKey>,
    pub(crate) part_of: Option<JobId>,
}

/// A key that at most one job has.
#[derive(Clone, Debug)]
pub(crate) struct UniqueKey {
    pub key: String,
    /// How long the key stays taken; until the job ends if not set.
    pub window: Option<Duration>,
}

impl JobOptions {
    /// No difference.
    pub fn new() -> Self {
        JobOptions::default()
    }

    /// The earliest time to run.
    pub fn run_at(mut self, time: Timestamp) -> Self {
        self.run_at = Some(time);
        self
    }

    /// Lower runs first, among the jobs of its organization in its queue.
    pub fn priority(mut self, priority: i64) -> Self {
        self.priority = Some(priority);
        self
    }

    /// Its queue, which a module must have declared.
    pub fn queue(mut self, queue: &'static str) -> Self {
        self.queue = Some(queue);
        self
    }

    /// A word to find the job by, for operators.
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// Enqueues nothing while a job of this kind, organization and key is unfinished: the enqueue returns its id. A job
    /// that was given up does not count.
    pub fn unique(mut self, key: impl Into<String>) -> Self {
        self.unique = Some(UniqueKey { key: key.into(), window: None });
        self
    }

    /// Enqueues nothing for this long after a job of this kind, organization and key was enqueued, whether it is
    /// finished or not: the enqueue returns its id.
    pub fn unique_for(mut self, key: impl Into<String>, window: Duration) -> Self {
        self.unique = Some(UniqueKey { key: key.into(), window: Some(window) });
        self
    }

    /// One of a batch: the job `then`, which [`Enqueue::enqueue_batch`](crate::Enqueue::enqueue_batch) has enqueued, runs
    /// when all parts have ended. A part may enqueue more parts.
    pub fn part_of(mut self, then: JobId) -> Self {
        self.part_of = Some(then);
        self
    }
}
