//! When sessions and API keys were last used.
//!
//! A request must not cost a write. Sessions are noted in memory and stored for many of them at once, so what is stored is some minutes
//! old, and a process that ends forgets that much. There are few API keys, and one that was used once and never again is just what
//! somebody looks for: its use is stored at once, but not again within a few minutes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tenfold::data::{Feed, Scope, Uuid};
use tenfold::prelude::*;
use tenfold_auth_api::AccountId;
use tokio::runtime::Handle;

use crate::entities::{ApiKey, ApiKeyId, Session, SessionId};

/// How long the first note of a batch waits, and how long the use of a key is not stored again.
const BATCH: Duration = Duration::from_secs(5 * 60);

/// The sessions that were used since the last batch.
#[derive(Clone, Default)]
pub(crate) struct SessionsSeen(Arc<Mutex<SeenBatch>>);

#[derive(Default)]
struct SeenBatch {
    since: Option<Timestamp>,
    used: HashMap<SessionId, SeenSession>,
}

/// Whose session it is.
#[derive(Clone, Copy)]
struct SeenSession {
    organization: OrgId,
    account: AccountId,
}

impl SessionsSeen {
    /// Notes that a session was used. The batch is stored by a task of its own, which the request does not wait for.
    pub(crate) fn note(&self, cx: &SystemContext, organization: OrgId, account: AccountId, id: Uuid) {
        let now = cx.now();
        {
            let mut batch = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            batch.used.insert(SessionId(id), SeenSession { organization, account });
            let since = *batch.since.get_or_insert(now);
            if now < since + BATCH {
                return;
            }
            batch.since = None;
        }
        let scope = Scope::new(cx.scope().database().clone(), cx.scope().trace(), None);
        let seen = self.clone();
        let work = async move {
            let cx = SystemContext::new(Arc::clone(&scope));
            if let Err(error) = scope.drive(seen.flush(&cx)).await {
                tracing::debug!(%error, "when sessions were last used could not be stored");
            }
        };
        Handle::current().spawn(work);
    }

    /// Stores what was noted so far. What cannot be stored is kept for the next time.
    pub(crate) async fn flush(&self, cx: &SystemContext) -> Result<(), DataError> {
        self.flush_where(cx, |_| true).await
    }

    /// The same for the sessions of one account alone: those of everybody else stay in the cache.
    pub(crate) async fn flush_of(&self, cx: &SystemContext, account: AccountId) -> Result<(), DataError> {
        self.flush_where(cx, |seen| seen.account == account).await
    }

    async fn flush_where(
        &self,
        cx: &SystemContext,
        is_wanted: impl Fn(&SeenSession) -> bool,
    ) -> Result<(), DataError> {
        let used: HashMap<SessionId, SeenSession> = {
            let mut batch = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            batch.used.extract_if(|_, seen| is_wanted(seen)).collect()
        };
        if used.is_empty() {
            return Ok(());
        }
        let stored = store(cx, &used).await;
        if stored.is_err() {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).used.extend(used);
        }
        stored
    }
}

async fn store(cx: &SystemContext, used: &HashMap<SessionId, SeenSession>) -> Result<(), DataError> {
    // In one order, so that two processes do not wait for each other.
    let mut used: Vec<(SessionId, OrgId)> = used.iter().map(|(id, seen)| (*id, seen.organization)).collect();
    used.sort_unstable_by_key(|(id, _)| *id);
    // As many as a transaction can name, so that all other sessions stay in the cache.
    for some in used.chunks(Feed::MOST_KEYS) {
        store_some(cx, some).await?;
    }
    Ok(())
}

async fn store_some(cx: &SystemContext, used: &[(SessionId, OrgId)]) -> Result<(), DataError> {
    let (ids, organizations): (Vec<SessionId>, Vec<OrgId>) = used.iter().copied().unzip();
    cx.transaction(async |tx| -> Result<(), DataError> {
        // Two lists, side by side, as in `auth_sessions.authenticate_all`.
        sql!(
            "auth_sessions.seen",
            sqlite: "WITH organizations AS MATERIALIZED (SELECT rowid AS place, value AS id FROM rarray($2)),
                          ids AS MATERIALIZED (SELECT rowid AS place, value AS id FROM rarray($3))
                     UPDATE auth_sessions SET last_seen_at = $1
                     FROM ids AS k JOIN organizations AS o ON o.place = k.place
                     WHERE auth_sessions.org_id = o.id AND auth_sessions.id = k.id",
            postgres: "UPDATE auth_sessions SET last_seen_at = $1
                     FROM unnest($2::uuid[], $3::uuid[]) AS k (org_id, id)
                     WHERE auth_sessions.org_id = k.org_id AND auth_sessions.id = k.id"
        )
        .changes_only(Session::TABLE, ids.iter().copied())
        .bind(tx.now())
        .bind_list(&organizations)
        .bind_list(&ids)
        .repeated("a batch at a time")
        .execute(tx)
        .await
        .map(drop)
    })
    .await
}

/// When the use of each key was last stored, as far as that is not long ago.
#[derive(Default)]
pub(crate) struct KeysSeen(Mutex<HashMap<Uuid, Timestamp>>);

impl KeysSeen {
    /// Stores that a key was used, unless that was stored within the last five minutes. The request does not fail if this does.
    pub(crate) async fn record(&self, cx: &SystemContext, organization: OrgId, id: Uuid) {
        let now = cx.now();
        {
            let mut stored = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            stored.retain(|_, at| now < *at + BATCH);
            if stored.contains_key(&id) {
                return;
            }
            stored.insert(id, now);
        }
        let used = ApiKey::update(ApiKeyId(id)).set(ApiKey::last_used_at, Some(now));
        let cx = cx.repeating("few streams are a program's");
        if let Err(error) = cx.within(organization).transaction(async |tx| used.run(tx).await).await {
            tracing::debug!(%error, "when an API key was last used could not be stored");
            self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        }
    }
}
