//! `POST /v1/auth/sign-in`.

use serde::Deserialize;
use tenfold::http::{ClientAddress, OwnOrigin, Response, ServerState, State, StatusCode};
use tenfold::prelude::*;
use utoipa::ToSchema;

use super::{Cookie, SignedIn, describe};
use crate::email::canonical;
use crate::entities::{Account, Membership};
use crate::new_password::normalized;
use crate::service::Identity;

/// What somebody types; as long as any address or password that sign-up takes.
type TypedEmail = Text<0, 254>;
type TypedPassword = Text<0, 1024>;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignIn {
    email: TypedEmail,
    password: TypedPassword,
    /// The organization to work in; without it, the one that was used last.
    organization: Option<OrgId>,
}

/// Signs in with email and password.
///
/// An unknown address, a wrong password and a foreign organization get the same 401 after the same time. After several of
/// them in a row, for one account or from one address, each attempt is a 429 until `Retry-After` is over, the right
/// password too.
#[endpoint(post, "/v1/auth/sign-in", tag = "identity",
    answers(200: SignedIn as "application/json"), problems(401, 429),
    example(body = {"email": "owner@acme.test", "password": "tenfold-demo"}))]
pub(crate) async fn sign_in(
    cx: SystemContext,
    _: OwnOrigin,
    client: ClientAddress,
    state: State<ServerState>,
    identity: Use<Identity>,
    Json(typed): Json<SignIn>,
) -> Result<Response, Problem> {
    let email = canonical(&typed.email);
    let mut attempt = identity.throttle.admit(&cx, &email, client).await?;
    let turn = identity.passwords.turn(client).await?;
    if turn.waited() {
        // Those whose turn was before may have failed: of many guesses at once no more are tried than of one after another.
        attempt = identity.throttle.admit(&cx, &email, client).await?;
    }
    let account = Account::query().filter(Account::email.eq(email)).first(&cx).await?;
    let stored = account.as_ref().map(|account| account.password_hash.clone());
    let matches = turn.verify(normalized(&typed.password), stored).await?;
    let memberships = match account.filter(|_| matches) {
        Some(account) => {
            Some(Membership::query().filter(Membership::account_id.eq(account.id)).all(&cx).await?)
        }
        None => None,
    };
    let memberships = memberships.as_deref().unwrap_or_default();
    let wanted = |membership: &&Membership| typed.organization.is_none_or(|id| membership.org_id == id);
    let chosen = memberships.iter().filter(wanted).max_by_key(|membership| membership.last_used_at);
    let Some(chosen) = chosen else {
        identity.throttle.fail(&cx, &attempt).await?;
        return Err(refused());
    };
    drop(turn);
    let token = cx
        .transaction(async |tx| -> Result<_, Problem> {
            identity.throttle.succeed(tx, &attempt).await?;
            identity.clean_up_if_due(tx).await?;
            Membership::update(chosen.id).set(Membership::last_used_at, tx.now()).run(tx).await?;
            identity.open_session(&tx.within(chosen.org_id), chosen.user_id, chosen.account_id).await
        })
        .await?;
    let session = describe(&cx, chosen, memberships).await?;
    Ok(Cookie::of(&state).keep(token, session))
}

fn refused() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "wrong-credentials", "Address, password or organization is wrong")
}
