//! `POST /v1/auth/sign-in`.

use serde::Deserialize;
use tenfold::http::{OwnOrigin, Response, ServerState, State, StatusCode};
use tenfold::prelude::*;
use utoipa::ToSchema;

use super::{Cookie, SignedIn, describe};
use crate::entities::{Account, Membership};
use crate::service::Identity;

/// What somebody types; longer than any address or password that sign-up takes.
type Attempt = Text<0, 254>;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignIn {
    email: Attempt,
    password: Attempt,
    /// The organization to work in; without it, the one that was used last.
    organization: Option<OrgId>,
}

/// Signs in with email and password.
///
/// An unknown address, a wrong password and a foreign organization get the same 401 after the same time.
#[endpoint(post, "/v1/auth/sign-in", tag = "identity",
    answers(200: SignedIn as "application/json"), problems(401),
    example(body = {"email": "owner@acme.test", "password": "tenfold-demo"}))]
pub(crate) async fn sign_in(
    cx: SystemContext,
    _: OwnOrigin,
    state: State<ServerState>,
    identity: Use<Identity>,
    Json(attempt): Json<SignIn>,
) -> Result<Response, Problem> {
    let email = attempt.email.to_lowercase();
    let account = Account::query().filter(Account::email.eq(email)).first(&cx).await?;
    let stored = account.as_ref().map(|account| account.password_hash.clone());
    let matches = identity.passwords.verify(attempt.password.into_inner(), stored).await?;
    let account = account.filter(|_| matches).ok_or_else(refused)?;

    let memberships = Membership::query().filter(Membership::account_id.eq(account.id)).all(&cx).await?;
    let wanted = |membership: &&Membership| attempt.organization.is_none_or(|id| membership.org_id == id);
    let chosen = memberships.iter().filter(wanted).max_by_key(|membership| membership.last_used_at);
    let chosen = chosen.ok_or_else(refused)?;
    let token = cx
        .transaction(async |tx| -> Result<_, Problem> {
            Membership::update(chosen.id).set(Membership::last_used_at, tx.now()).run(tx).await?;
            identity.open_session(&tx.within(chosen.org_id), chosen.user_id, account.id).await
        })
        .await?;
    let session = describe(&cx, chosen, &memberships).await?;
    Ok(Cookie::of(&state).keep(token, session))
}

fn refused() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "wrong-credentials", "Address, password or organization is wrong")
}
