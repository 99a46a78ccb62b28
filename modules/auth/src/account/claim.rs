//! An account whose person shows that mails reach it.

use tenfold::axum::extract::FromRequestParts;
use tenfold::axum::http::request::Parts;
use tenfold::data::SystemTx;
use tenfold::http::{Input, ServerState};
use tenfold::prelude::*;
use tenfold_auth_api::AccountId;

use super::password::{NewHash, replace_password};
use crate::entities::Account;
use crate::passwords::NO_PASSWORD;
use crate::sessions::limited::AnySession;

/// In a handler's signature: the session that the request is signed in with, if it is signed in.
pub(crate) struct OwnAccount(Option<Context>);

impl OwnAccount {
    /// The session, if it is one of this account.
    pub(crate) fn session_of(&self, account: AccountId) -> Option<&Context> {
        let is_own = |cx: &&Context| cx.principal().is_some_and(|own| own.account == account.0);
        self.0.as_ref().filter(is_own)
    }
}

impl FromRequestParts<ServerState> for OwnAccount {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ServerState) -> Result<Self, Problem> {
        let session = AnySession::from_request_parts(parts, state).await.ok();
        Ok(OwnAccount(session.map(|AnySession(cx)| cx)))
    }
}

impl Input for OwnAccount {}

/// Records that the person who does this reads the account's mails. The account is locked.
///
/// Anybody can sign up with any address. Until it was confirmed, the account may be a stranger's who waits for the address's owner
/// to use it, knowing its password. So what was there before ends, unless the request is signed in with the account as well: one
/// who has both is the one who signed up.
pub(crate) async fn claim(tx: &SystemTx<'_>, account: &Account, own: &OwnAccount) -> Result<(), DataError> {
    let now = tx.now();
    if account.confirmed_at.is_none() && own.session_of(account.id).is_none() {
        return evict(tx, account, Some(now)).await;
    }
    let change = Account::update(account.id).set(Account::reached_at, Some(now));
    change.set(Account::confirmed_at, Some(now)).run(tx).await
}

/// Takes an unconfirmed account away from those who have it: its password, sessions, links and sign-ins that wait end, and a change
/// of address is forgotten. It has nothing else that would last: second factors, API keys and invitations are for confirmed ones.
pub(crate) async fn evict(
    tx: &SystemTx<'_>,
    account: &Account,
    confirmed_at: Option<Timestamp>,
) -> Result<(), DataError> {
    let hash = NO_PASSWORD.to_owned();
    replace_password(tx, NewHash { account: account.id, hash, keep: None, confirmed_at }).await
}
