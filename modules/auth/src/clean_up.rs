//! What is of no use any more is deleted: sessions that have expired, failures that are forgiven, addresses that an account
//! was last seen at long ago.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tenfold::prelude::*;

/// How often a process has it done.
const EVERY: Duration = Duration::from_secs(60 * 60);
/// So many rows are deleted in one transaction: it holds SQLite's one writer.
const BATCH: u64 = 500;

/// When the next one is due, in this process: a session that is opened after that brings it about. Several processes do
/// not agree on it, since a job that finds nothing costs next to nothing.
pub(crate) struct Schedule(AtomicI64);

impl Schedule {
    /// Due an hour after the start.
    pub(crate) fn starting(now: Timestamp) -> Self {
        Schedule(AtomicI64::new((now + EVERY).as_second()))
    }

    /// Whether it is due; then the next is due an hour from now.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        let due = self.0.load(Ordering::Relaxed);
        let next = (now + EVERY).as_second();
        // Of those that see it at once, one does it.
        now.as_second() >= due
            && self.0.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// Deletes, a batch a transaction, until nothing is left.
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
        .bind(tx.now().as_microsecond())
        .repeated("a batch at a time")
        .execute(tx)
        .await
    })
    .await
}
