//! `POST /v1/auth/sign-in`.

use serde::Deserialize;
use tenfold::data::SystemTx;
use tenfold::http::{ClientAddress, OwnOrigin, Response, ServerState, State};
use tenfold::prelude::*;
use utoipa::ToSchema;

use super::guess::{GuessTurn, refused};
use super::{Device, SessionCookie, SignedIn, TypedPassword, describe, memberships};
use crate::account::confirmed::unconfirmed;
use crate::account::lock::lock;
use crate::account::mail_link;
use crate::email::canonical;
use crate::entities::{Account, Membership};
use crate::links::LinkPurpose;
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
/// An unknown address, a wrong password and a foreign organization get the same 401 after about the same time; the first sign-in with
/// a password that was brought from another system may take longer. After several of them in a row, for one account or from one address, each attempt is a 429 until `Retry-After` is over, the right
/// password too. If `auth.unconfirmed_sign_in` is false, an account whose address is not confirmed gets a 403, and a mail with a link that
/// confirms it.
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
    let guess = turn.guess(typed.password.to_string(), stored);
    let (Some(turn), Some(account)) = (guess.judge(&cx).await?, account) else { return Err(refused()) };
    if !identity.unconfirmed_sign_in && account.reached_at.is_none() {
        drop(turn);
        mail_link(&cx, &identity, client, LinkPurpose::ConfirmAddress, account.email.clone()).await?;
        return Err(not_reached());
    }
    let memberships = memberships(&cx, account.id, typed.organization).await?;
    let wanted = |membership: &&Membership| typed.organization.is_none_or(|id| membership.org_id == id);
    let chosen = memberships.iter().filter(wanted).max_by_key(|membership| membership.last_used_at);
    let Some(chosen) = chosen else {
        identity.throttle.fail(&cx, &attempt).await?;
        return Err(refused());
    };
    let renewed = match passwords::is_renewable(&account.password_hash, &typed.password) {
        true => Some(turn.hash(normalized(&typed.password)).await?),
        false => None,
    };
    drop(turn);
    let signed_in = cx
        .transaction(async |tx| -> Result<_, Problem> {
            // The password may have been changed since it was compared.
            if lock(tx, account.id).await?.password_hash != account.password_hash {
                return Err(refused());
            }
            identity.throttle.succeed(tx, &attempt).await?;
            if let Some(hash) = renewed {
                renew(tx, &account, hash).await?;
            }
            let session = NewSession { device, password_at: Some(tx.now()) };
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

/// Stores a hash of the same password by the algorithm of today.
async fn renew(tx: &SystemTx<'_>, account: &Account, hash: String) -> Result<(), DataError> {
    sql!("auth_accounts.renew_hash", "UPDATE auth_accounts SET password_hash = $2 WHERE id = $1")
        .changes_only(Account::TABLE, [account.id])
        .bind(account.id)
        .bind(hash)
        .execute(tx)
        .await
        .map(drop)
}

/// Told to those alone who know the password.
fn not_reached() -> Problem {
    unconfirmed().detail("a link is on its way to it by mail: follow it, then sign in")
}
