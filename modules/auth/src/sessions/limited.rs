//! Sessions of people who need a second factor in an organization and have none yet.
//!
//! Such a session is *limited*: [`Context`] refuses it, so it reaches nothing but the few handlers that take [`AnySession`].
//! Whether it is limited stands in its row, so that no request has to look it up.

use tenfold::axum::extract::FromRequestParts;
use tenfold::axum::http::request::Parts;
use tenfold::data::SystemTx;
use tenfold::http::{Credentials, Endpoint, Input, ServerState, StatusCode, Use};
use tenfold::prelude::*;
use tenfold_auth_api::AccountId;

use crate::entities::Session;
use crate::service::Identity;

const KIND: &str = "second-factor-setup-required";

/// The refusal of a limited session.
pub(crate) fn setup_required() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, KIND, "A second factor must be set up")
        .detail("this organization requires one: POST /v1/auth/totp, then POST /v1/auth/totp/confirm")
}

/// In a handler's signature, in place of [`Context`] and before [`Sudo`](super::Sudo): the context of a session that may be limited.
pub(crate) struct AnySession(pub Context);

impl FromRequestParts<ServerState> for AnySession {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ServerState) -> Result<Self, Problem> {
        let refusal = match Context::from_request_parts(parts, state).await {
            Ok(cx) => return Ok(AnySession(cx)),
            Err(refusal) => refusal,
        };
        // Only this one: it comes after the check that no other site has sent the cookie.
        if refusal.kind() != setup_required().kind() {
            return Err(refusal);
        }
        let credentials = Credentials::of(&parts.headers, state.settings().session_cookie());
        let credentials = credentials.ok_or_else(Problem::unauthenticated)?;
        let system = SystemContext::from_request_parts(parts, state).await?;
        let identity = Use::<Identity>::from_request_parts(parts, state).await?;
        let cx = identity.limited_context(&system, &credentials.token).await?;
        let cx = cx.ok_or_else(Problem::unauthenticated)?;
        // The other extractors of this handler find it here.
        parts.extensions.insert(cx.clone());
        Ok(AnySession(cx))
    }
}

impl Input for AnySession {
    fn describe(endpoint: &mut Endpoint) {
        endpoint.needs_session();
    }
}

/// Whether a new session of an account in the organization of `tx` is limited.
pub(crate) async fn is_limited(tx: &Tx<'_>, account: AccountId) -> Result<bool, DataError> {
    // The share lock makes whoever changes the requirement wait for this session, and find it. SQLite has one writer anyway.
    let row: Option<(OrgId,)> = sql!(
        "auth_organizations.limits",
        sqlite: "SELECT o.id FROM auth_organizations o WHERE o.id = $1 AND o.second_factor_required AND NOT EXISTS
                     (SELECT 1 FROM auth_second_factors f WHERE f.account_id = $2 AND f.confirmed_at IS NOT NULL)",
        postgres: "WITH organization AS MATERIALIZED
                       (SELECT id, second_factor_required FROM auth_organizations WHERE id = $1 FOR SHARE)
                   SELECT o.id FROM organization o WHERE o.second_factor_required AND NOT EXISTS
                       (SELECT 1 FROM auth_second_factors f WHERE f.account_id = $2 AND f.confirmed_at IS NOT NULL)"
    )
    .bind(account)
    .bounded()
    .first(tx)
    .await?;
    Ok(row.is_some())
}

/// Limits the sessions in an organization, or lifts their limits: it requires a second factor from now on, or no more.
pub(crate) async fn limit_organization(
    tx: &SystemTx<'_>,
    organization: OrgId,
    required: bool,
) -> Result<(), DataError> {
    sql!(
        "auth_sessions.limit_organization",
        "UPDATE auth_sessions SET is_limited = $2 AND NOT EXISTS
             (SELECT 1 FROM auth_second_factors f
              WHERE f.account_id = auth_sessions.account_id AND f.confirmed_at IS NOT NULL)
         WHERE org_id = $1"
    )
    .changes(Session::TABLE)
    .bind(organization)
    .bind(required)
    .execute(tx)
    .await
    .map(drop)
}

/// Limits the sessions of an account, or lifts their limits: its second factor was removed, or confirmed.
pub(crate) async fn limit_account(
    tx: &SystemTx<'_>,
    account: AccountId,
    has_factor: bool,
) -> Result<(), DataError> {
    sql!(
        "auth_sessions.limit_account",
        "UPDATE auth_sessions SET is_limited = NOT $2 AND EXISTS
             (SELECT 1 FROM auth_organizations o WHERE o.id = auth_sessions.org_id AND o.second_factor_required)
         WHERE account_id = $1"
    )
    .changes(Session::TABLE)
    .bind(account)
    .bind(has_factor)
    .execute(tx)
    .await
    .map(drop)
}
