//! Deletes what is no longer needed: expired sessions, forgiven failures, and addresses from which an account signed
//! in long ago.

use serde::{Deserialize, Serialize};
use tenfold::prelude::*;

/// How many rows one transaction deletes: it holds SQLite's write lock.
const BATCH: u64 = 500;

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
