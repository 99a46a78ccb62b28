//! Jobs that end without success, and the listeners that are notified.
//!
//! The transaction that ends such a job also stores a job that notifies the listener, a *follow-up*. So the notification
//! cannot be lost and comes at once. A listener that fails is retried with growing pauses, for ever; it is never
//! discarded. The listener does not run in that transaction itself: one that fails, hangs or panics would hold up the
//! rescue or the operator that ends the job.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tenfold_data::{DataError, EntityExt as _, SystemContext, SystemTx};

use crate::context::JobContext;
use crate::job::RegisteredKind;
use crate::registry::Registry;
use crate::rows::{DEFAULT_QUEUE, FOR_EVER, FinishedJob, JobId, JobState, QueuedJob, last_error};

/// A job that will not run again unless an operator retries it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound(serialize = "J: Serialize", deserialize = "J: DeserializeOwned"))]
pub struct GivenUp<J> {
    /// The job, with its arguments.
    pub job: J,
    /// Its kind; empty if an older version stored this.
    #[serde(default)]
    pub kind: String,
    /// Its id.
    pub id: JobId,
    /// [`JobState::Discarded`] after its last attempt or as poison, [`JobState::Cancelled`] by an operator.
    pub state: JobState,
    /// The last error, for operators; none for a job that never failed.
    pub error: Option<String>,
}

/// The name under which the follow-ups of a kind are stored.
pub(crate) fn follow_up_kind(kind: &str) -> String {
    format!("{kind}.given_up")
}

/// How a follow-up runs, with arguments of this type.
pub(crate) fn tell<J, F, W>(listen: F) -> RegisteredKind
where
    J: DeserializeOwned + Send + 'static,
    F: Fn(JobContext, GivenUp<J>) -> W + Send + Sync + 'static,
    W: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let listen = Arc::new(listen);
    let run = Arc::new(move |job: JobContext, args: serde_json::Value| {
        let listen = Arc::clone(&listen);
        let work: futures_util::future::BoxFuture<'static, anyhow::Result<()>> = Box::pin(async move {
            let given_up: GivenUp<J> = serde_json::from_value(args)
                .map_err(|error| anyhow::anyhow!("the stored job cannot be read: {error}"))?;
            // An operator may have retried it meanwhile.
            if !is_given_up(job.system(), given_up.id).await? {
                return Ok(());
            }
            listen(job, given_up).await
        });
        work
    });
    let of = std::any::type_name::<GivenUp<J>>();
    RegisteredKind { timeout: Duration::from_secs(5 * 60), run, queue: DEFAULT_QUEUE, of }
}

async fn is_given_up(cx: &SystemContext, id: JobId) -> Result<bool, DataError> {
    let finished = FinishedJob::find(cx, id).await?;
    Ok(finished.is_some_and(|job| job.state != JobState::Completed))
}

/// Stores the follow-up of a job that ends in `state`, if its kind or its module has a listener.
pub(crate) async fn follow(
    tx: &SystemTx<'_>,
    registry: &Registry,
    job: &QueuedJob,
    state: JobState,
) -> Result<(), DataError> {
    // A follow-up has none.
    let Some(kind) = registry.follow_up(&job.kind).filter(|_| !job.is_endless()) else { return Ok(()) };
    let error = last_error(&job.errors).map(|last| last.error);
    let given_up = GivenUp { job: job.args.clone(), kind: job.kind.clone(), id: job.id, state, error };
    let args = serde_json::to_value(given_up).map_err(|error| {
        DataError::Settings(format!("the follow-up of {} cannot be JSON: {error}", job.id))
    })?;
    let follow_up = QueuedJob {
        priority: job.priority,
        max_attempts: FOR_EVER,
        trace: job.trace.clone(),
        ..QueuedJob::fresh(JobId(tx.new_id()), kind, args, tx.now())
    };
    follow_up.of(job.org_id).insert(tx).await?;
    Ok(())
}
