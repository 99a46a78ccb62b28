//! Notes what changed about when jobs run: schedules with another text, queues that were paused or resumed.
//!
//! The rows of schedules and queues say when they changed. So each process hears of it, whichever one did it: the first one of
//! a new version, a command, an operator at another process.

use std::time::Duration;

use tenfold_jobs::Jobs;
use tenfold_observe::telemetry::Telemetry;
use tenfold_observe::telemetry::diagnosis::{ChangeKind, LedgerChange};

use crate::wiring::MinuteLook;

/// How far back it looks: as far as the memory reaches. What is known is not noted again.
const REACH: Duration = Duration::from_secs(7_200);

/// Notes what has changed, and gives what does so again once a minute; nothing if changes are not recorded.
pub(crate) async fn watch(telemetry: &Telemetry, jobs: &Jobs) -> Option<MinuteLook> {
    if !telemetry.records_for_why() {
        return None;
    }
    note(telemetry, jobs).await;
    let (telemetry, jobs) = (telemetry.clone(), jobs.clone());
    Some(Box::new(move || {
        let (telemetry, jobs) = (telemetry.clone(), jobs.clone());
        Box::pin(async move { note(&telemetry, &jobs).await })
    }))
}

/// An error is logged at `debug`: a database that does not answer is told by others.
async fn note(telemetry: &Telemetry, jobs: &Jobs) {
    let changes = match jobs.changes(telemetry.clock().now() - REACH).await {
        Ok(changes) => changes,
        Err(error) => {
            tracing::debug!(%error, "which schedules have changed is not known");
            return;
        }
    };
    for change in changes {
        telemetry.note(LedgerChange::new(ChangeKind::Schedule, change.what, change.at.as_microsecond()));
    }
}
