//! An account whose person shows that mails reach it.

use tenfold::axum::extract::FromRequestParts;
use tenfold::axum::http::request::Parts;
use tenfold::data::SystemTx;
use tenfold::http::{Input, ServerState};
use tenfold::prelude::*;
use tenfold_auth_api::AccountId;

use super::password::{NewHash, replace_password};
use crate::entities::{Account, ApiKey, ApiKeyId, Invitation, InvitationId, LinkedIdentity, SecondFactor};
use crate::passwords::NO_PASSWORD;
use crate::second_factor::forget_recovery_codes;
use crate::sessions::Proof;
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
        match AnySession::from_request_parts(parts, state).await {
            Ok(AnySession(cx)) => Ok(OwnAccount(Some(cx))),
            Err(refused) if [401, 403].contains(&refused.status().as_u16()) => Ok(OwnAccount(None)),
            // Whether there is a session is not known: somebody signed in must not be taken for a stranger.
            Err(failure) => Err(failure),
        }
    }
}

impl Input for OwnAccount {}

/// Records that the person who does this reads the account's mails. The account is locked.
///
/// Anybody can sign up with any address. Until it was confirmed, the account may be a stranger's who waits for the address's owner
/// to use it, knowing its password. So what was there before ends, unless the password was typed in the session of the request: one
/// who has both is the one who signed up.
pub(crate) async fn claim(tx: &SystemTx<'_>, account: &Account, own: &OwnAccount) -> Result<Claim, Problem> {
    let now = tx.now();
    if account.confirmed_at.is_none() && Proof::of(tx, own.session_of(account.id)).await? == Proof::Nothing {
        evict(tx, account, Some(now)).await?;
        return Ok(Claim::Evicted);
    }
    let change = Account::update(account.id).set(Account::reached_at, Some(now));
    change.set(Account::confirmed_at, Some(now)).run(tx).await?;
    Ok(Claim::Confirmed)
}

/// What [`claim`] has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// It has ended what was there before, such as sessions: other processes may still know them.
    Evicted,
    /// Nothing has ended.
    Confirmed,
}

/// Takes an unconfirmed account away from those who have it: its password, sessions, links and sign-ins that wait end, a change of address
/// is forgotten, and so is what would outlast them.
pub(crate) async fn evict(
    tx: &SystemTx<'_>,
    account: &Account,
    confirmed_at: Option<Timestamp>,
) -> Result<(), DataError> {
    let hash = NO_PASSWORD.to_owned();
    forget_what_lasts(tx, account).await?;
    replace_password(tx, NewHash { account: account.id, hash, keep: None, confirmed_at }).await
}

/// Deletes what an unconfirmed account has and what would outlast its password: the second factor, providers, API keys, invitations to
/// others.
/// A confirmed one keeps them.
pub(crate) async fn forget_what_lasts(tx: &SystemTx<'_>, account: &Account) -> Result<(), DataError> {
    if account.confirmed_at.is_some() {
        return Ok(());
    }
    SecondFactor::query().filter(SecondFactor::account_id.eq(account.id)).delete(tx).await?;
    forget_recovery_codes(tx, account.id).await?;
    LinkedIdentity::query().filter(LinkedIdentity::account_id.eq(account.id)).delete(tx).await?;
    let _: Vec<(ApiKeyId, OrgId)> = sql!(
        "auth_api_keys.forget",
        "DELETE FROM auth_api_keys WHERE (org_id, created_by) IN
             (SELECT org_id, user_id FROM auth_memberships WHERE account_id = $1)
         RETURNING id, org_id"
    )
    .changes_returned_by_organization(ApiKey::TABLE)
    .bind(account.id)
    .all(tx)
    .await?;
    let _: Vec<(InvitationId, OrgId)> = sql!(
        "auth_invitations.forget",
        "DELETE FROM auth_invitations WHERE (org_id, invited_by) IN
             (SELECT org_id, user_id FROM auth_memberships WHERE account_id = $1)
         RETURNING id, org_id"
    )
    .changes_returned_by_organization(Invitation::TABLE)
    .bind(account.id)
    .all(tx)
    .await?;
    Ok(())
}
