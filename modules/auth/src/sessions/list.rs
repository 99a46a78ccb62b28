//! `GET /v1/auth/sessions`: where one is signed in.

use serde::{Deserialize, Serialize};
use tenfold::http::Int;
use tenfold::prelude::*;
use utoipa::ToSchema;

use super::own_session;
use crate::account::own_account;
use crate::entities::SessionId;
use crate::service::Identity;

/// How many sessions to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct SessionsWanted {
    /// The most sessions to list; 100 if it is left out.
    #[param(inline)]
    limit: Option<Int<1, 1000>>,
}

/// Where a person is signed in.
#[derive(Serialize, ToSchema)]
pub(crate) struct Devices {
    /// The newest first, in all organizations.
    items: Vec<DeviceView>,
}

/// A session, as its person may know it again.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeviceView {
    id: SessionId,
    /// The organization that it works in.
    organization: OrgId,
    /// What the browser or the program calls itself.
    device: String,
    /// The network address from which it was opened; empty if that is not known.
    address: String,
    /// When it was last used, as far as that is stored: many uses are stored at once, some minutes later. Null for one of an older
    /// version.
    last_seen_at: Option<Timestamp>,
    created_at: Timestamp,
    expires_at: Timestamp,
    /// Whether it is the session of this request.
    current: bool,
}

/// A row of `auth_sessions`.
type ListedSession = (SessionId, OrgId, String, String, Option<Timestamp>, Timestamp, Timestamp);

/// Your sessions, in all organizations: device, address and last use.
#[endpoint(get, "/v1/auth/sessions", tag = "identity", example(query = "limit=10"))]
pub(crate) async fn list_sessions(
    cx: Context,
    system: SystemContext,
    identity: Use<Identity>,
    Query(wanted): Query<SessionsWanted>,
) -> Result<Json<Devices>, Problem> {
    let own = own_session(&cx)?;
    let account = own_account(&cx)?;
    identity.sessions_seen.flush_of(&system, account).await?;
    let rows: Vec<ListedSession> = sql!(
        "auth_sessions.of_account",
        "SELECT id, org_id, user_agent, address, last_seen_at, created_at, expires_at FROM auth_sessions
         WHERE account_id = $1 AND expires_at > $2 ORDER BY id DESC LIMIT $3"
    )
    .bind(account)
    .bind(cx.now())
    .bind(wanted.limit.map_or(100, Int::get))
    .bounded()
    .all(&system)
    .await?;
    let view = |(id, organization, device, address, last_seen_at, created_at, expires_at)| DeviceView {
        id,
        organization,
        device,
        address,
        last_seen_at,
        created_at,
        expires_at,
        current: id == own,
    };
    Ok(Json(Devices { items: rows.into_iter().map(view).collect() }))
}
