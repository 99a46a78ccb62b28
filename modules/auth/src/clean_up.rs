//! Deletes what is no longer needed: expired sessions, forgiven failures, and addresses from which an account signed
//! in long ago.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tenfold::prelude::*;

/// How often a process starts the job.
const EVERY: Duration = Duration::from_secs(60 * 60);
/// How many rows one transaction deletes: it holds SQLite's write lock.
const BATCH: u64 = 500;

/// When the next clean-up is due in this process; the next session that is opened after that starts it. Several
/// processes do not coordinate, since a job that finds nothing costs next to nothing.
pub(crate) struct Schedule(AtomicI64);

impl Schedule {
    /// Due an hour after the start.
    pub(crate) fn starting(now: Timestamp) -> Self {
        Schedule(AtomicI64::new((now + EVERY).as_second()))
    }

    /// Whether it is due; if so, the next one is due an hour from now.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        let due = self.0.load(Ordering::Relaxed);
        let next = (now + EVERY).as_second();
        // Of several callers that see it at once, only one runs it.
        now.as_second() >= due
            && self.0.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// Deletes one batch per transaction, until nothing is left.
#[derive(Serialize, Deserialize)]
pub(crate) struct CleanUp {}

impl Job for CleanUp {
    const KIND: &'static str = "auth.clean_up";

    async fn run(self, job: JobContext) -> anyhow::Result<()> {
        let cx = job.system();
        while sessions(cx).await? == BATCH {}
        while attempts(cx).await? == BATCH {}
        Ok(())
    }
}

async fn sessions(cx: &SystemContext) -> Result<u64, DataError> {
    cx.transaction(async |tx| -> Result<u64, DataError> {
        sql!(
            "auth_sessions.delete_expired",
            "DELETE FROM auth_sessions WHERE (org_id, id) IN
                 (SELECT org_id, id FROM auth_sessions WHERE expires_at <= $1 ORDER BY expires_at LIMIT 500)"
        )
        .changes("auth_sessions")
        .bind(tx.now())
        .repeated("a batch at a time")
        .execute(tx)
        .await
    })
    .await
}

async fn attempts(cx: &SystemContext) -> Result<u64, DataError> {
    cx.transaction(async |tx| -> Result<u64, DataError> {
        sql!(
            "auth_attempts.delete_ended",
            "DELETE FROM auth_attempts WHERE subject IN
                 (SELECT subject FROM auth_attempts WHERE kept_until <= $1 ORDER BY kept_until LIMIT 500)"
        )
        .changes("auth_attempts")
        .bind(tx.now().as_microsecond())
        .repeated("a batch at a time")
        .execute(tx)
        .await
    })
    .await
}
