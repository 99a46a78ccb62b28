//! `POST /v1/auth/sign-in`.

use serde::Deserialize;
use tenfold::data::SystemTx;
use tenfold::http::{ClientAddress, OwnOrigin, Response, ServerState, State, StatusCode};
use tenfold::prelude::*;
use utoipa::ToSchema;

use super::guess::{GuessTurn, refused};
use super::{Device, SessionCookie, SignedIn, TypedPassword, describe, memberships};
use crate::email::canonical;
use crate::entities::{Account, Membership};
use crate::new_password::normalized;
use crate::passwords;
use crate::second_factor::challenge::SecondFactorRequired;
use crate::service::{Identity, NewSession, SignInStep};

/// What somebody types; as long as any address that sign-up takes.
type TypedEmail = Text<0, 254>;

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
/// password too. If `auth.unconfirmed_sign_in` is false, an account whose address is not confirmed gets a 403.
///
/// An account with a second factor gets a 401 `second-factor-required` with a `challenge`: `POST /v1/auth/second-factor` takes it.
#[endpoint(post, "/v1/auth/sign-in", tag = "identity",
    answers(200: SignedIn as "application/json"), problems(401, 403, 429),
    example(body = {"email": "owner@acme.test", "password": "tenfold-demo"}))]
pub(crate) async fn sign_in(
    cx: SystemContext,
    _: OwnOrigin,
    client: ClientAddress,
    device: Device,
    state: State<ServerState>,
    identity: Use<Identity>,
    Json(typed): Json<SignIn>,
) -> Result<Response, Problem> {
    let email = canonical(&typed.email);
    let turn = GuessTurn::wait(&identity, &cx, &email, client).await?;
    let attempt = turn.attempt();
    let account = Account::query().filter(Account::email.eq(email)).first(&cx).await?;
    let stored = account.as_ref().map(|account| account.password_hash.clone());
    let password = normalized(&typed.password);
    let guess = turn.guess(password.clone(), stored);
    let (Some(turn), Some(account)) = (guess.judge(&cx).await?, account) else { return Err(refused()) };
    if !identity.unconfirmed_sign_in && account.confirmed_at.is_none() {
        return Err(unconfirmed());
    }
    let memberships = memberships(&cx, account.id, typed.organization).await?;
    let wanted = |membership: &&Membership| typed.organization.is_none_or(|id| membership.org_id == id);
    let chosen = memberships.iter().filter(wanted).max_by_key(|membership| membership.last_used_at);
    let Some(chosen) = chosen else {
        identity.throttle.fail(&cx, &attempt).await?;
        return Err(refused());
    };
    let renewed = match passwords::is_current(&account.password_hash) {
        true => None,
        false => Some(turn.hash(password).await?),
    };
    drop(turn);
    let signed_in = cx
        .transaction(async |tx| -> Result<_, Problem> {
            identity.throttle.succeed(tx, &attempt).await?;
            if let Some(hash) = renewed {
                renew(tx, &account, hash).await?;
            }
            let session =
                NewSession { user: chosen.user_id, account: chosen.account_id, device, proved: true };
            identity.sign_in(tx, chosen, session).await
        })
        .await?;
    let token = match signed_in {
        SignInStep::Session(token) => token,
        SignInStep::Challenge(challenge) => return Ok(SecondFactorRequired::with(challenge)),
    };
    let session = describe(&cx, chosen, &memberships).await?;
    Ok(SessionCookie::of(&state).keep(token, session))
}

/// Stores a hash of the same password by the algorithm of today, unless the password was changed meanwhile.
async fn renew(tx: &SystemTx<'_>, account: &Account, hash: String) -> Result<(), DataError> {
    sql!(
        "auth_accounts.renew_hash",
        "UPDATE auth_accounts SET password_hash = $3 WHERE id = $1 AND password_hash = $2"
    )
    .changes(Account::TABLE)
    .bind(account.id)
    .bind(account.password_hash.clone())
    .bind(hash)
    .execute(tx)
    .await
    .map(drop)
}

/// Told to those alone who know the password.
fn unconfirmed() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "address-unconfirmed", "The address is not confirmed")
        .detail("follow the link in the mail that was sent to it, then sign in")
}
