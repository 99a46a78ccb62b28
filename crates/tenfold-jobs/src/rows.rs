//! The tables of jobs as structs.

use serde::{Deserialize, Serialize};
use tenfold_data::{Entity, OrgId, TextEnum, Timestamp, Uuid, id};

id! {
    /// A job, from when it is enqueued to the end of its history.
    JobId
}

id! {
    /// A result of a step.
    StepId
}

/// The state of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TextEnum)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Waits for a worker.
    Available,
    /// Waits for its time.
    Scheduled,
    /// Waits for other jobs: those of its batch, or an earlier one of its order.
    Waiting,
    /// A worker holds it.
    Running,
    /// Failed, or waits for something outside ([`TryLater`](crate::TryLater)), and will be retried.
    Retryable,
    /// Done.
    Completed,
    /// Cancelled by an operator.
    Cancelled,
    /// Given up after its last attempt, or as poison.
    Discarded,
}

/// A job with this many strikes is a suspect. The claim statements and an index contain this number, too.
const SUSPECT: i64 = 2;

/// The queue of jobs that name no other.
pub(crate) const DEFAULT_QUEUE: &str = "default";

/// When a job may run that waits for others. A worker of a version that knew no such state claimed what was due.
pub(crate) const FAR: Timestamp = Timestamp::constant(253_370_764_800, 0);

/// A number of rows, for a statement.
pub(crate) fn row_count(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

/// No limit on attempts: a follow-up is retried until it succeeds.
pub(crate) const FOR_EVER: i64 = i64::MAX;

/// A job that is not finished.
#[derive(Clone, Debug, Entity)]
#[entity(table = "tenfold_jobs", global = "workers claim the jobs of all organizations")]
pub struct QueuedJob {
    /// The job.
    #[entity(key)]
    pub id: JobId,
    /// The organization that it works for.
    pub org_id: Option<OrgId>,
    /// Its kind, [`Job::KIND`](crate::Job::KIND).
    pub kind: String,
    /// Its queue, [`Job::QUEUE`](crate::Job::QUEUE).
    pub queue: String,
    /// Whose turn it is: its organization's, or nil for jobs of no organization.
    pub lane: Uuid,
    /// Any state that is not final.
    pub state: JobState,
    /// Lower runs first.
    pub priority: i64,
    /// The job itself.
    pub args: serde_json::Value,
    /// When it may run.
    pub run_at: Timestamp,
    /// How many attempts were started.
    pub attempt: i64,
    /// How many attempts may be started.
    pub max_attempts: i64,
    /// How many of its steps are done.
    pub steps: i64,
    /// The version of the event that it delivers.
    pub version: i64,
    /// Words to find it by, as an array.
    pub tags: serde_json::Value,
    /// The job that runs when this one and the others of its batch have ended.
    pub batch_id: Option<JobId>,
    /// Jobs with the same key run one after the other.
    pub order_key: Option<String>,
    /// Its place among them.
    pub order_number: i64,
    /// Whether its end frees a unique key.
    pub holds_key: bool,
    /// The turn that a rate limit has given to it.
    pub turn_at: Option<Timestamp>,
    /// How often a worker was lost while it held the job.
    pub crashes: i64,
    /// How many of the last losses came in a row, with no step done in between.
    pub strikes: i64,
    /// How often in a row it had to wait for something outside, with no step done in between.
    pub waits: i64,
    /// The process that holds it.
    pub worker: Option<Uuid>,
    /// The fencing token, which guards what the holder writes.
    pub token: Option<Uuid>,
    /// When the lease expires unless the holder extends it.
    pub lease_until: Option<Timestamp>,
    /// An operator requested its cancellation.
    pub cancel_requested: bool,
    /// How far it is, 0 to 100.
    pub percent: i64,
    /// What it is doing.
    pub message: String,
    /// The errors of its attempts.
    pub errors: serde_json::Value,
    /// The trace that it belongs to, as a `traceparent`.
    pub trace: String,
    /// When it was enqueued.
    pub created_at: Timestamp,
}

/// A job that is finished.
#[derive(Clone, Debug, Entity)]
#[entity(table = "tenfold_job_history", global = "workers move the jobs of all organizations here")]
pub struct FinishedJob {
    /// The job.
    #[entity(key)]
    pub id: JobId,
    /// The organization that it worked for.
    pub org_id: Option<OrgId>,
    /// Its kind.
    pub kind: String,
    /// Its queue.
    pub queue: String,
    /// Completed, cancelled or discarded.
    pub state: JobState,
    /// Lower runs first.
    pub priority: i64,
    /// The job itself.
    pub args: serde_json::Value,
    /// How many attempts were started.
    pub attempt: i64,
    /// How many attempts were allowed.
    pub max_attempts: i64,
    /// How many of its steps were done.
    pub steps: i64,
    /// The version of the event that it delivered.
    pub version: i64,
    /// Words to find it by, as an array.
    pub tags: serde_json::Value,
    /// The job that waited for the end of this one and the others of its batch.
    pub batch_id: Option<JobId>,
    /// Jobs with the same key run one after the other.
    pub order_key: Option<String>,
    /// Its place among them.
    pub order_number: i64,
    /// How often a worker was lost while it held the job.
    pub crashes: i64,
    /// How far it got, 0 to 100.
    pub percent: i64,
    /// Its last message.
    pub message: String,
    /// The errors of its attempts.
    pub errors: serde_json::Value,
    /// The trace that it belonged to.
    pub trace: String,
    /// When it was enqueued.
    pub created_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
}

impl QueuedJob {
    /// A new job: due now, once, without an organization.
    pub(crate) fn fresh(id: JobId, kind: &str, args: serde_json::Value, now: Timestamp) -> Self {
        QueuedJob {
            id,
            org_id: None,
            kind: kind.to_owned(),
            queue: DEFAULT_QUEUE.to_owned(),
            lane: Uuid::nil(),
            state: JobState::Available,
            priority: 0,
            args,
            run_at: now,
            attempt: 0,
            max_attempts: 1,
            steps: 0,
            version: 1,
            tags: serde_json::Value::Array(Vec::new()),
            batch_id: None,
            order_key: None,
            order_number: 0,
            holds_key: false,
            turn_at: None,
            crashes: 0,
            strikes: 0,
            waits: 0,
            worker: None,
            token: None,
            lease_until: None,
            cancel_requested: false,
            percent: 0,
            message: String::new(),
            errors: serde_json::Value::Array(Vec::new()),
            trace: String::new(),
            created_at: now,
        }
    }

    /// The same job for an organization, which decides whose turn it takes.
    pub(crate) fn of(self, org_id: Option<OrgId>) -> Self {
        QueuedJob { org_id, lane: org_id.map_or(Uuid::nil(), |org_id| org_id.0), ..self }
    }

    /// Whether it may be what kills workers. A process then runs it beside no other suspect, so that innocent jobs,
    /// which were only running beside the culprit, are not blamed with it.
    pub(crate) fn is_suspect(&self) -> bool {
        self.strikes >= SUSPECT
    }

    /// How many attempts failed by themselves; a lost worker is not the job's failure.
    pub(crate) fn own_attempts(&self) -> i64 {
        self.attempt - self.crashes
    }

    /// Whether it is retried until it succeeds.
    pub(crate) fn is_endless(&self) -> bool {
        self.max_attempts == FOR_EVER
    }

    /// The job as a row of the history.
    pub(crate) fn finished(self, state: JobState, finished_at: Timestamp) -> FinishedJob {
        FinishedJob {
            id: self.id,
            org_id: self.org_id,
            kind: self.kind,
            queue: self.queue,
            state,
            priority: self.priority,
            args: self.args,
            attempt: self.attempt,
            max_attempts: self.max_attempts,
            steps: self.steps,
            version: self.version,
            tags: self.tags,
            batch_id: self.batch_id,
            order_key: self.order_key,
            order_number: self.order_number,
            crashes: self.crashes,
            percent: if state == JobState::Completed { 100 } else { self.percent },
            message: self.message,
            errors: self.errors,
            trace: self.trace,
            created_at: self.created_at,
            finished_at,
        }
    }
}

/// The result of a step.
#[derive(Debug, Entity)]
#[entity(table = "tenfold_job_results", global = "a result belongs to a job, whatever its organization")]
pub(crate) struct StepRow {
    #[entity(key)]
    pub id: StepId,
    pub job_id: JobId,
    pub name: String,
    pub result: serde_json::Value,
}

/// One entry of [`QueuedJob::errors`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptError {
    /// Which attempt failed, from 1.
    pub attempt: i64,
    /// When.
    pub at: Timestamp,
    /// The error.
    pub error: String,
}

/// The error of the last attempt that had one.
pub(crate) fn last_error(errors: &serde_json::Value) -> Option<AttemptError> {
    serde_json::from_value(errors.as_array()?.last()?.clone()).ok()
}

/// Adds an error to those of earlier attempts. An attempt that did not count leaves its number to the next one, whose
/// error replaces its own, so the list is no longer than the number of counted attempts.
pub(crate) fn with_error(errors: &serde_json::Value, error: AttemptError) -> serde_json::Value {
    let mut all: Vec<serde_json::Value> = errors.as_array().cloned().unwrap_or_default();
    if last_error(errors).is_some_and(|last| last.attempt == error.attempt) {
        all.pop();
    }
    all.extend(serde_json::to_value(error));
    serde_json::Value::Array(all)
}
