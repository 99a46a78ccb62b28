//! When sessions and API keys were last used: noted in memory, and stored for many of them at once.
//!
//! A request must not cost a write. So what is stored is a few minutes old, and a process that dies forgets that much.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tenfold::data::{Scope, Uuid};
use tenfold::prelude::*;
use tokio::runtime::Handle;

/// How long the first note of a batch waits.
const BATCH: Duration = Duration::from_secs(5 * 60);

/// Whose use is noted.
#[derive(Clone, Copy)]
pub(crate) enum SeenRows {
    Sessions,
    ApiKeys,
}

/// The sessions, or the keys, that were used since the last batch.
pub(crate) struct LastSeen {
    rows: SeenRows,
    batch: Mutex<SeenBatch>,
}

#[derive(Default)]
struct SeenBatch {
    since: Option<Timestamp>,
    used: HashMap<Uuid, OrgId>,
}

impl LastSeen {
    pub(crate) fn new(rows: SeenRows) -> Self {
        LastSeen { rows, batch: Mutex::default() }
    }

    /// Notes that a session or a key was used. The batch is stored by a task of its own, which the request does not wait for.
    pub(crate) fn note(&self, cx: &SystemContext, organization: OrgId, id: Uuid) {
        let now = cx.now();
        let used = {
            let mut batch = self.batch.lock().unwrap_or_else(PoisonError::into_inner);
            batch.used.insert(id, organization);
            let since = *batch.since.get_or_insert(now);
            if now < since + BATCH {
                return;
            }
            std::mem::take(&mut *batch).used
        };
        let scope = Scope::new(cx.scope().database().clone(), cx.scope().trace(), None);
        let rows = self.rows;
        let work = async move {
            let cx = SystemContext::new(Arc::clone(&scope));
            if let Err(error) = scope.drive(store(&cx, rows, used)).await {
                tracing::debug!(%error, "when sessions or keys were last used could not be stored");
            }
        };
        Handle::current().spawn(work);
    }

    /// Stores what was noted so far.
    pub(crate) async fn flush(&self, cx: &SystemContext) -> Result<(), DataError> {
        let used = std::mem::take(&mut *self.batch.lock().unwrap_or_else(PoisonError::into_inner)).used;
        if used.is_empty() { Ok(()) } else { store(cx, self.rows, used).await }
    }
}

async fn store(cx: &SystemContext, rows: SeenRows, used: HashMap<Uuid, OrgId>) -> Result<(), DataError> {
    let (ids, organizations): (Vec<Uuid>, Vec<OrgId>) = used.into_iter().unzip();
    cx.transaction(async |tx| -> Result<(), DataError> {
        // Two lists, side by side, as in `auth_sessions.authenticate_all`.
        let seen = match rows {
            SeenRows::Sessions => sql!(
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
            .changes("auth_sessions"),
            SeenRows::ApiKeys => sql!(
                "auth_api_keys.seen",
                sqlite: "WITH organizations AS MATERIALIZED (SELECT rowid AS place, value AS id FROM rarray($2)),
                              ids AS MATERIALIZED (SELECT rowid AS place, value AS id FROM rarray($3))
                         UPDATE auth_api_keys SET last_used_at = $1
                         FROM ids AS k JOIN organizations AS o ON o.place = k.place
                         WHERE auth_api_keys.org_id = o.id AND auth_api_keys.id = k.id",
                postgres: "UPDATE auth_api_keys SET last_used_at = $1
                         FROM unnest($2::uuid[], $3::uuid[]) AS k (org_id, id)
                         WHERE auth_api_keys.org_id = k.org_id AND auth_api_keys.id = k.id"
            )
            .changes("auth_api_keys"),
        };
        seen.bind(tx.now()).bind_list(&organizations).bind_list(&ids).execute(tx).await.map(drop)
    })
    .await
}
