//! `POST /v1/auth/sudo`: the password once more, before something dangerous.

use serde::Deserialize;
use tenfold::http::ClientAddress;
use tenfold::prelude::*;
use utoipa::ToSchema;

use super::own_account;
use crate::entities::{Account, Session};
use crate::service::Identity;
use crate::sessions::guess::{GuessTurn, refused};
use crate::sessions::limited::AnySession;
use crate::sessions::{TypedPassword, own_session};

/// The password of the signed-in person.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordProof {
    password: TypedPassword,
}

/// Shows that the session is still yours, by your password. For ten minutes it may then do what is dangerous.
///
/// Wrong passwords are counted as those of sign-in.
#[endpoint(post, "/v1/auth/sudo", tag = "identity", problems(401, 429), example(body = {"password": "correct horse battery"}))]
pub(crate) async fn enter_sudo(
    AnySession(cx): AnySession,
    system: SystemContext,
    client: ClientAddress,
    identity: Use<Identity>,
    Json(typed): Json<PasswordProof>,
) -> Result<NoContent, Problem> {
    let session = own_session(&cx)?;
    let account = Account::get(&system, own_account(&cx)?).await?;
    let turn = GuessTurn::wait(&identity, &system, &account.email, client).await?;
    turn.guess(typed.password.to_string(), Some(account.password_hash.clone()))
        .judge(&system)
        .await?
        .ok_or_else(refused)?;
    let proof = Session::update(session).set(Session::password_at, Some(cx.now()));
    cx.transaction(async |tx| proof.run(tx).await).await?;
    Ok(NoContent)
}
