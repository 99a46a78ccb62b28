//! An account whose person shows for the first time that mails reach it.

use tenfold::axum::extract::FromRequestParts;
use tenfold::axum::http::request::Parts;
use tenfold::data::SystemTx;
use tenfold::http::{Input, ServerState};
use tenfold::prelude::*;
use tenfold_auth_api::AccountId;

use crate::entities::Account;
use crate::links;
use crate::links::notice::SendPasswordNotice;
use crate::passwords::NO_PASSWORD;
use crate::second_factor;
use crate::sessions::end_all;

/// In a handler's signature: the account that the request is signed in with, if it is signed in.
#[derive(Clone, Copy)]
pub(crate) struct OwnAccount(Option<AccountId>);

impl FromRequestParts<ServerState> for OwnAccount {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ServerState) -> Result<Self, Problem> {
        let cx = Context::from_request_parts(parts, state).await.ok();
        let account = cx.as_ref().and_then(Context::principal).map(|principal| AccountId(principal.account));
        Ok(OwnAccount(account))
    }
}

impl Input for OwnAccount {}

/// Records that the person who does this reads the account's mails.
///
/// Anybody can sign up with any address. Until it was confirmed, the account may be a stranger's who waits for the address's owner
/// to use it, knowing its password. So what was there before ends, unless the request is signed in with the account as well: one
/// who has both is the one who signed up.
pub(crate) async fn claim(tx: &SystemTx<'_>, account: &Account, own: OwnAccount) -> Result<(), DataError> {
    Account::update(account.id).set(Account::confirmed_at, Some(tx.now())).run(tx).await?;
    if account.confirmed_at.is_some() || own.0 == Some(account.id) {
        return Ok(());
    }
    let apart = tx.repeating("the address is confirmed, and then the password ends");
    Account::update(account.id).set(Account::password_hash, NO_PASSWORD.to_owned()).run(&apart).await?;
    end_all(tx, account.id, None).await?;
    links::end_all(tx, account.id).await?;
    second_factor::forget(tx, account.id).await?;
    tx.enqueue(SendPasswordNotice { account: account.id }).await.map(drop)
}
