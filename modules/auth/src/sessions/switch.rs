//! `POST /v1/auth/switch`: work in another of one's organizations.

use serde::Deserialize;
use tenfold::http::{Response, ServerState, State};
use tenfold::prelude::*;
use utoipa::ToSchema;

use super::limited::AnySession;
use super::{Device, SessionCookie, SignedIn, describe, memberships};
use crate::account::lock_own::lock_own;
use crate::account::own_account;
use crate::service::{Identity, NewSession};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Switch {
    /// One of the `organizations` that sign-in listed.
    organization: OrgId,
}

/// Opens a session in another organization of the same person. The old session stays, since another tab may use it.
#[endpoint(post, "/v1/auth/switch", tag = "identity",
    answers(200: SignedIn as "application/json"), problems(404),
    example(body = {"organization": "01900000-0000-7000-8000-000000000000"}))]
pub(crate) async fn switch(
    AnySession(cx): AnySession,
    system: SystemContext,
    device: Device,
    state: State<ServerState>,
    identity: Use<Identity>,
    Json(switch): Json<Switch>,
) -> Result<Response, Problem> {
    let account = own_account(&cx)?;
    let memberships = memberships(&system, account, Some(switch.organization)).await?;
    let chosen = memberships.iter().find(|membership| membership.org_id == switch.organization);
    let chosen = chosen.ok_or_else(|| Problem::not_found("organization"))?;
    let token = system
        .transaction(async |tx| -> Result<_, Problem> {
            lock_own(tx, &cx).await?;
            identity.open_session(tx, chosen, NewSession { device, password_at: None }).await
        })
        .await?;
    let session = describe(&system, chosen, &memberships).await?;
    Ok(SessionCookie::of(&state).keep(token, session))
}
