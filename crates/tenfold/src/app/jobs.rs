//! `app jobs …`: what an operator does with jobs at a terminal. The console's pages call the same functions.

use clap::Subcommand;
use serde_json::{Value, json};
use tenfold_data::{Database, SystemContext};
use tenfold_jobs::admin::{self, AnyJob, QueueStatus};
use tenfold_jobs::{JobId, JobState, Jobs, without_secrets};

use super::table::table;

/// The states in which a job is not finished, those that matter most first.
const UNFINISHED: [JobState; 5] =
    [JobState::Running, JobState::Retryable, JobState::Available, JobState::Scheduled, JobState::Waiting];

#[derive(Subcommand)]
pub(super) enum JobsCommand {
    /// List jobs: those that are not finished, or those in one state.
    List {
        /// available, scheduled, waiting, running, retryable, completed, cancelled or discarded.
        #[arg(long, value_parser = state)]
        state: Option<JobState>,
        /// The most jobs of each state.
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// Print JSON instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Show a job with its arguments, steps and errors.
    Show {
        /// The job, as `list` prints it.
        id: JobId,
        /// Print JSON instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Run a job now that waits, or that was given up or cancelled.
    Retry {
        /// The job, as `list` prints it.
        id: JobId,
    },
    /// Cancel a job: at once, or at its worker's next heartbeat if it runs.
    Cancel {
        /// The job, as `list` prints it.
        id: JobId,
    },
    /// Let the jobs of a queue wait; those that run go on.
    Pause {
        /// The queue, as `stats` prints it.
        queue: String,
    },
    /// Let the jobs of a paused queue run again.
    Resume {
        /// The queue, as `stats` prints it.
        queue: String,
    },
    /// Count the jobs that are not finished, by state and by queue.
    Stats {
        /// Print JSON instead of tables.
        #[arg(long)]
        json: bool,
    },
    /// Run the jobs that are due, one after the other, and end. If other processes hold jobs, wait for a lease first, to see
    /// whether they are lost.
    RunDue,
}

fn state(text: &str) -> Result<JobState, String> {
    serde_json::from_value(Value::from(text)).map_err(|_| "it is not a state of jobs".to_owned())
}

impl JobsCommand {
    /// Does it, and gives what to print.
    pub(super) async fn run(&self, database: &Database, jobs: &Jobs) -> anyhow::Result<String> {
        Ok(match self {
            JobsCommand::List { state, limit, json } => {
                let found = database.run(None, async |cx| list(&cx, *state, *limit).await).await?;
                if *json { text(&Value::from(found)) } else { list_table(&found) }
            }
            JobsCommand::Show { id, json } => {
                let found = database.run(None, async |cx| show(&cx, *id).await).await?;
                if *json { text(&found) } else { facts(&found) }
            }
            JobsCommand::Stats { json } => stats(database, jobs, *json).await?,
            JobsCommand::Retry { id } => {
                jobs.retry(*id).await?;
                format!("job {id} runs as soon as a worker is free\n")
            }
            JobsCommand::Cancel { id } => {
                jobs.cancel(*id).await?;
                format!("job {id} is cancelled; if it runs, at its worker's next heartbeat\n")
            }
            JobsCommand::Pause { queue } => {
                jobs.pause(queue).await?;
                format!("the jobs of {queue} wait until `jobs resume {queue}`\n")
            }
            JobsCommand::Resume { queue } => {
                jobs.resume(queue).await?;
                format!("the jobs of {queue} run\n")
            }
            JobsCommand::RunDue => format!("{} jobs ran\n", jobs.run_due_and_lost().await?),
        })
    }
}

async fn list(cx: &SystemContext, state: Option<JobState>, limit: usize) -> anyhow::Result<Vec<Value>> {
    let cx = cx.repeating("a list of each state");
    let mut found = Vec::new();
    for state in state.map_or(UNFINISHED.to_vec(), |state| vec![state]) {
        if UNFINISHED.contains(&state) {
            found.extend(admin::queued(&cx, state, limit).await?.into_iter().map(AnyJob::Queued));
        } else {
            found.extend(admin::finished(&cx, state, limit).await?.into_iter().map(AnyJob::Finished));
        }
    }
    Ok(found.iter().map(as_json).collect())
}

async fn show(cx: &SystemContext, id: JobId) -> anyhow::Result<Value> {
    let job = admin::find(cx, id).await?.ok_or_else(|| anyhow::anyhow!("there is no job {id}"))?;
    let mut shown = as_json(&job);
    let steps = admin::steps(cx, id).await?;
    let step = |step: &admin::StepResult| json!({"name": step.name, "result": without_secrets(&step.result)});
    shown["steps"] = steps.iter().map(step).collect();
    Ok(shown)
}

async fn stats(database: &Database, jobs: &Jobs, is_json: bool) -> anyhow::Result<String> {
    let counts = database.run(None, async |cx| admin::count_queued(&cx).await).await?;
    let queues = jobs.queues().await?;
    let count = |state: JobState| counts.iter().find(|(of, _)| *of == state).map_or(0, |(_, count)| *count);
    if is_json {
        let states: Value =
            UNFINISHED.map(|state| (state.as_str().to_owned(), json!(count(state)))).into_iter().collect();
        let queue = |queue: &QueueStatus| {
            json!({"name": queue.name, "concurrency": queue.concurrency, "paused": queue.paused,
                "waiting": queue.waiting, "running": queue.running, "oldest": queue.oldest})
        };
        return Ok(text(&json!({"states": states, "queues": queues.iter().map(queue).collect::<Value>()})));
    }
    let states = UNFINISHED.map(|state| vec![state.as_str().to_owned(), count(state).to_string()]);
    let queue = |queue: &QueueStatus| {
        let note = match queue.concurrency {
            None => "no module declares it: its jobs do not run",
            Some(_) if queue.paused => "paused",
            Some(_) => "",
        };
        let oldest = queue.oldest.map(|at| at.to_string()).unwrap_or_default();
        let [waiting, running] = [queue.waiting, queue.running].map(|count| count.to_string());
        vec![
            queue.name.clone(),
            waiting,
            running,
            queue.concurrency.unwrap_or(0).to_string(),
            oldest,
            note.to_owned(),
        ]
    };
    let rows: Vec<_> = queues.iter().map(queue).collect();
    let queues = table(&["QUEUE", "WAITING", "RUNNING", "AT ONCE", "OLDEST", ""], &rows);
    Ok(format!("{}\n{queues}", table(&["STATE", "JOBS"], &states)))
}

/// What both tables of jobs have; they differ in the column for a job's time.
macro_rules! fields_of {
    ($job:expr, $when:ident) => {
        json!({
            "id": $job.id,
            "kind": $job.kind,
            "state": $job.state,
            "queue": $job.queue,
            "organization": $job.org_id,
            "priority": $job.priority,
            "tags": $job.tags,
            "attempt": $job.attempt,
            "max_attempts": $job.max_attempts,
            "workers_lost": $job.crashes,
            "percent": $job.percent,
            "message": $job.message,
            "created_at": $job.created_at,
            stringify!($when): $job.$when,
            "arguments": without_secrets(&$job.args),
            "errors": $job.errors,
        })
    };
}

fn as_json(job: &AnyJob) -> Value {
    match job {
        AnyJob::Queued(job) => fields_of!(job, run_at),
        AnyJob::Finished(job) => fields_of!(job, finished_at),
    }
}

fn text(value: &Value) -> String {
    format!("{value:#}\n")
}

fn list_table(jobs: &[Value]) -> String {
    let rows: Vec<Vec<String>> = jobs.iter().map(row).collect();
    table(&["ID", "KIND", "STATE", "ORGANIZATION", "ATTEMPT", "WHEN", "PROGRESS", "LAST ERROR"], &rows)
}

fn row(job: &Value) -> Vec<String> {
    let last_error =
        job["errors"].as_array().and_then(|errors| errors.last()).map(|last| word(&last["error"]));
    let when = job.get("run_at").or_else(|| job.get("finished_at")).map(word).unwrap_or_default();
    let progress = format!("{} % {}", job["percent"], word(&job["message"]));
    let [id, kind, state, organization] =
        ["id", "kind", "state", "organization"].map(|name| word(&job[name]));
    vec![id, kind, state, organization, word(&job["attempt"]), when, progress, last_error.unwrap_or_default()]
}

/// All fields, a line each.
fn facts(job: &Value) -> String {
    let fields = job.as_object().into_iter().flatten();
    let rows = fields.map(|(name, value)| vec![name.replace('_', " "), word(value)]);
    table(&[], &rows.collect::<Vec<_>>())
}

/// A text as it is, anything else as JSON; nothing for null.
fn word(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
