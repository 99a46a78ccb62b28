//! Deletes what is no longer needed: expired sessions and links, changes of address that nobody agreed to, forgiven failures,
//! and addresses from which an account signed in long ago.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tenfold::data::Feed;
use tenfold::prelude::*;

use crate::entities::{Session, SessionId};
use crate::service::Identity;

/// How many rows one transaction deletes: it holds SQLite's write lock.
const BATCH: u64 = 500;
/// After this long a change of address is forgotten.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Deletes one batch per transaction, until nothing is left.
#[derive(Serialize, Deserialize)]
pub(crate) struct CleanUp {}

impl Job for CleanUp {
    const KIND: &'static str = "auth.clean_up";

    async fn run(self, job: JobContext) -> anyhow::Result<()> {
        let cx = job.system();
        job.service::<Identity>()?.sessions_seen.flush(cx).await?;
        while sessions(cx).await? == Feed::MOST_KEYS {}
        while attempts(cx).await? == BATCH {}
        while links(cx).await? == BATCH {}
        while address_changes(cx).await? == BATCH {}
        while invitations(cx).await? == BATCH {}
        while challenges(cx).await? == BATCH {}
        while provider_attempts(cx).await? == BATCH {}
        Ok(())
    }
}

/// As many as it can name, so that all other sessions stay in the cache.
async fn sessions(cx: &SystemContext) -> Result<usize, DataError> {
    cx.transaction(async |tx| -> Result<usize, DataError> {
        let ended: Vec<(SessionId,)> = sql!(
            "auth_sessions.delete_expired",
            "DELETE FROM auth_sessions WHERE (org_id, id) IN
                 (SELECT org_id, id FROM auth_sessions WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)
             RETURNING id"
        )
        .changes_returned(Session::TABLE)
        .bind(tx.now())
        .bind(i64::try_from(Feed::MOST_KEYS).unwrap_or(i64::MAX))
        .repeated("a batch at a time")
        .all(tx)
        .await?;
        Ok(ended.len())
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

async fn links(cx: &SystemContext) -> Result<u64, DataError> {
    cx.transaction(async |tx| -> Result<u64, DataError> {
        sql!(
            "auth_links.delete_expired",
            "DELETE FROM auth_links WHERE secret_hash IN
                 (SELECT secret_hash FROM auth_links WHERE expires_at <= $1 ORDER BY expires_at LIMIT 500)"
        )
        .changes("auth_links")
        .bind(tx.now())
        .repeated("a batch at a time")
        .execute(tx)
        .await
    })
    .await
}

/// Their links have expired long before.
async fn address_changes(cx: &SystemContext) -> Result<u64, DataError> {
    cx.transaction(async |tx| -> Result<u64, DataError> {
        sql!(
            "auth_address_changes.delete_old",
            "DELETE FROM auth_address_changes WHERE account_id IN
                 (SELECT account_id FROM auth_address_changes WHERE requested_at <= $1 ORDER BY requested_at LIMIT 500)"
        )
        .changes("auth_address_changes")
        .bind(tx.now() - DAY)
        .repeated("a batch at a time")
        .execute(tx)
        .await
    })
    .await
}

async fn invitations(cx: &SystemContext) -> Result<u64, DataError> {
    cx.transaction(async |tx| -> Result<u64, DataError> {
        sql!(
            "auth_invitations.delete_expired",
            "DELETE FROM auth_invitations WHERE (org_id, id) IN
                 (SELECT org_id, id FROM auth_invitations WHERE expires_at <= $1 ORDER BY expires_at LIMIT 500)"
        )
        .changes("auth_invitations")
        .bind(tx.now())
        .repeated("a batch at a time")
        .execute(tx)
        .await
    })
    .await
}

async fn challenges(cx: &SystemContext) -> Result<u64, DataError> {
    cx.transaction(async |tx| -> Result<u64, DataError> {
        sql!(
            "auth_challenges.delete_expired",
            "DELETE FROM auth_challenges WHERE secret_hash IN
                 (SELECT secret_hash FROM auth_challenges WHERE expires_at <= $1 ORDER BY expires_at LIMIT 500)"
        )
        .changes("auth_challenges")
        .bind(tx.now())
        .repeated("a batch at a time")
        .execute(tx)
        .await
    })
    .await
}

async fn provider_attempts(cx: &SystemContext) -> Result<u64, DataError> {
    cx.transaction(async |tx| -> Result<u64, DataError> {
        sql!(
            "auth_provider_attempts.delete_expired",
            "DELETE FROM auth_provider_attempts WHERE secret_hash IN
                 (SELECT secret_hash FROM auth_provider_attempts WHERE expires_at <= $1 ORDER BY expires_at LIMIT 500)"
        )
        .changes("auth_provider_attempts")
        .bind(tx.now())
        .repeated("a batch at a time")
        .execute(tx)
        .await
    })
    .await
}
