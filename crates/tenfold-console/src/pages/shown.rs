//! A job as the pages show it, finished or not.

use tenfold::data::OrgId;
use tenfold::jobs::{AttemptError, FinishedJob, JobId, JobState, QueuedJob};
use tenfold::prelude::Timestamp;

/// A job.
pub(crate) struct ShownJob {
    pub id: JobId,
    pub kind: String,
    pub state: JobState,
    pub org_id: Option<OrgId>,
    pub attempts: String,
    pub crashes: i64,
    pub progress: String,
    pub args: serde_json::Value,
    /// Its errors, the oldest first.
    pub errors: Vec<AttemptError>,
    pub trace: String,
    pub created_at: Timestamp,
    /// When it may run, or when it ended.
    pub when: Timestamp,
}

/// The two tables of jobs differ in the column for a job's time.
macro_rules! shown_from {
    ($job:ty, $when:ident) => {
        impl From<$job> for ShownJob {
            fn from(job: $job) -> Self {
                ShownJob {
                    id: job.id,
                    kind: job.kind,
                    state: job.state,
                    org_id: job.org_id,
                    attempts: attempts(job.attempt, job.max_attempts),
                    crashes: job.crashes,
                    progress: progress(job.percent, &job.message),
                    args: job.args,
                    errors: errors(job.errors),
                    trace: job.trace,
                    created_at: job.created_at,
                    when: job.$when,
                }
            }
        }
    };
}

shown_from!(QueuedJob, run_at);
shown_from!(FinishedJob, finished_at);

fn attempts(begun: i64, most: i64) -> String {
    if most == i64::MAX { format!("{begun}, until it succeeds") } else { format!("{begun} of {most}") }
}

impl ShownJob {
    /// The label of `when` for a job in this state.
    pub(super) fn when_is(state: JobState) -> &'static str {
        match state {
            JobState::Available | JobState::Waiting | JobState::Running => "Due since",
            JobState::Retryable | JobState::Scheduled => "Runs at",
            JobState::Completed | JobState::Cancelled | JobState::Discarded => "Finished",
        }
    }
}

fn progress(percent: i64, message: &str) -> String {
    match (percent, message) {
        (0, "") => String::new(),
        (percent, "") => format!("{percent} %"),
        (percent, message) => format!("{percent} %, {message}"),
    }
}

/// Errors that an older version stored in another form are skipped.
fn errors(errors: serde_json::Value) -> Vec<AttemptError> {
    serde_json::from_value(errors).unwrap_or_default()
}
