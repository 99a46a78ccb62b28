//! `POST /v1/auth/password`: a new password of one's own.

use serde::Deserialize;
use tenfold::data::SystemTx;
use tenfold::http::ClientAddress;
use tenfold::prelude::*;
use tenfold_auth_api::AccountId;
use utoipa::ToSchema;

use super::lock_own::lock_own;
use super::own_account;
use crate::entities::{Account, AddressChange, SessionId};
use crate::links::notice::SendNotice;
use crate::links::{self, NoticeKind};
use crate::new_password::NewPassword;
use crate::second_factor::challenge;
use crate::service::Identity;
use crate::sessions::{Sudo, end_all, forgotten_everywhere};

/// A new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordChange {
    /// 8 characters to 1,024 bytes; neither one of the 3,000 most common passwords nor the address.
    password: NewPassword,
}

/// Changes your password and ends your other sessions.
///
/// The old password must have been typed within the last ten minutes: at sign-in, or with `POST /v1/auth/sudo`.
#[endpoint(post, "/v1/auth/password", tag = "identity", problems(403),
    example(body = {"password": "correct horse battery"}))]
pub(crate) async fn change_password(
    cx: Context,
    system: SystemContext,
    sudo: Sudo,
    client: ClientAddress,
    identity: Use<Identity>,
    Json(new): Json<PasswordChange>,
) -> Result<NoContent, Problem> {
    let account = Account::get(&system, own_account(&cx)?).await?;
    new.password.unlike(&account.email)?;
    let turn = identity.passwords.turn(client).await?;
    let hash = turn.hash(new.password.into_inner()).await?;
    drop(turn);
    let new = NewHash { account: account.id, hash, keep: Some(sudo.session), confirmed_at: None };
    system
        .transaction(async |tx| -> Result<(), Problem> {
            lock_own(tx, &cx).await?;
            Ok(replace_password(tx, new).await?)
        })
        .await?;
    forgotten_everywhere(&system).await;
    Ok(NoContent)
}

/// A new password of an account, hashed.
pub(crate) struct NewHash {
    pub account: AccountId,
    pub hash: String,
    /// The session that is not ended.
    pub keep: Option<SessionId>,
    /// When it was shown that the account's mails reach the person; none if this does not show it.
    pub confirmed_at: Option<Timestamp>,
}

/// Stores a new password: ends sessions, links and sign-ins that wait for the second factor, forgets a change of address, and tells
/// the person. The account is locked.
pub(crate) async fn replace_password(tx: &SystemTx<'_>, new: NewHash) -> Result<(), DataError> {
    let shown = new.confirmed_at.map(Some);
    Account::update(new.account)
        .set(Account::password_hash, new.hash)
        .set_if(Account::reached_at, shown)
        .set_if(Account::confirmed_at, shown)
        .run(tx)
        .await?;
    end_all(tx, new.account, new.keep).await?;
    links::end_all(tx, new.account).await?;
    challenge::close_all(tx, new.account).await?;
    AddressChange::query().filter(AddressChange::account_id.eq(new.account)).delete(tx).await?;
    tx.enqueue(SendNotice::to(new.account, NoticeKind::Password)).await.map(drop)
}
