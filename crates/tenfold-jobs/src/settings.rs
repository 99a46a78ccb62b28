//! The limits of a worker.

use std::time::Duration;

/// The limits of a worker.
#[derive(Clone, Debug)]
pub struct JobSettings {
    /// Jobs of the queue `default` at once in one process; modules declare those of other queues.
    pub concurrency: usize,
    /// How much of a queue's concurrency the jobs of one organization may use in one process, in percent.
    pub organization_share: usize,
    /// How often an idle worker looks for work that nobody told it of.
    pub poll: Duration,
    /// How long a worker may be silent before its jobs go to others.
    pub lease: Duration,
    /// How often in a row, without a completed step, a job's worker may be lost before the job is given up as poison.
    pub poison_after: u32,
    /// The time zone of schedules that name none, such as `Europe/Berlin`.
    pub time_zone: String,
    /// How long finished jobs are kept.
    pub keep_for: Duration,
    /// How many finished jobs are kept at most.
    pub keep_at_most: u64,
}

impl Default for JobSettings {
    fn default() -> Self {
        JobSettings {
            concurrency: 8,
            organization_share: 75,
            poll: Duration::from_secs(1),
            lease: Duration::from_secs(5),
            poison_after: 5,
            time_zone: "UTC".to_owned(),
            keep_for: Duration::from_secs(30 * 24 * 60 * 60),
            keep_at_most: 1_000_000,
        }
    }
}
