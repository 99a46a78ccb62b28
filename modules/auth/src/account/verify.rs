//! `POST /v1/auth/verify`: confirms an address, or a change of address.

use serde::Deserialize;
use tenfold::data::SystemTx;
use tenfold::http::ClientAddress;
use tenfold::prelude::*;
use tenfold_auth_api::UserId;
use utoipa::ToSchema;

use super::claim::OwnAccount;
use crate::entities::{Account, AddressChange, User};
use crate::links::notice::SendNotice;
use crate::links::{LinkPurpose, LinkToken, NoticeKind, UsedLink, consume, end_all, find};
use crate::service::Identity;
use crate::sessions::guess::{GuessTurn, refused};
use crate::sessions::{Proof, TypedPassword};

/// The token of a link, and what shows that it is the account's person who follows it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddressConfirmation {
    /// What stands behind `token=` in the link.
    #[schema(inline)]
    token: LinkToken,
    /// The account's password, for a request without a session of the account.
    password: Option<TypedPassword>,
}

/// Confirms an address with the token of a link that was mailed to it.
///
/// Send it where you have signed in with the password, or with the password. Otherwise it shows only that mails arrive, not that they reach the person who has
/// signed up: until that is shown, a reset, a link to sign in or an invitation ends what was there before, such as password, API keys and
/// second factor, since they may be a stranger's.
///
/// A change of address happens when the old and the new address have confirmed it. The new one is confirmed with the password, in the
/// request or typed within the last ten minutes; otherwise it was only shown that mails arrive.
///
/// A token works once. Every token that does not work gets the same 404; a wrong password is a 401 and uses nothing up.
#[endpoint(post, "/v1/auth/verify", tag = "identity", problems(401, 404, 409, 429),
    example(body = {"token": "x1wCMr8ZJAVbfJyrmbYjYBJ4jvYSVRS8pXgAJCDbu4c"}))]
pub(crate) async fn verify_address(
    cx: SystemContext,
    own: OwnAccount,
    client: ClientAddress,
    identity: Use<Identity>,
    Json(body): Json<AddressConfirmation>,
) -> Result<NoContent, Problem> {
    let proven = match body.password {
        Some(password) => Some(prove(&cx, &identity, client, (&body.token, password)).await?),
        None => None,
    };
    cx.transaction(async |tx| -> Result<(), Problem> {
        let link = consume(tx, &body.token, &LinkPurpose::CONFIRMING).await?;
        let is_proven = proven.is_some_and(|hash| hash == link.account.password_hash);
        let proof = Proof::of(tx, own.session_of(link.account.id)).await?;
        match link.purpose {
            LinkPurpose::LeaveAddress => agree(tx, &link, false).await,
            LinkPurpose::TakeAddress => agree(tx, &link, is_proven || proof == Proof::Lately).await,
            _ => {
                let (now, is_own) = (Some(tx.now()), is_proven || proof != Proof::Nothing);
                let reached = Account::update(link.account.id).set(Account::reached_at, now);
                Ok(reached.set_if(Account::confirmed_at, is_own.then_some(now)).run(tx).await?)
            }
        }
    })
    .await?;
    Ok(NoContent)
}

/// Compares a password with that of the link's account; gives the hash that it belongs to.
///
/// # Errors
/// 401 for a wrong one, which is counted as at sign-in, 404 for a token that does not work.
async fn prove(
    cx: &SystemContext,
    identity: &Identity,
    client: ClientAddress,
    (token, password): (&str, TypedPassword),
) -> Result<String, Problem> {
    let account = Account::get(cx, find(cx, token, &LinkPurpose::CONFIRMING).await?).await?;
    let turn = GuessTurn::wait(identity, cx, &account.email, client).await?;
    let hash = account.password_hash.clone();
    turn.guess(password.to_string(), Some(hash.clone())).judge(cx).await?.ok_or_else(refused)?;
    Ok(hash)
}

/// Records that one of the two addresses agrees; the second one to do so changes the address.
async fn agree(tx: &SystemTx<'_>, link: &UsedLink, is_own: bool) -> Result<(), Problem> {
    let gone = || Problem::not_found("change").detail("this change of address was replaced by another one");
    let now = Some(tx.now());
    let agreed = AddressChange::update(link.account.id);
    let agreed = match link.purpose {
        LinkPurpose::LeaveAddress => agreed.set(AddressChange::old_agreed_at, now),
        _ => agreed
            .set(AddressChange::new_agreed_at, now)
            .set(AddressChange::new_confirmed_at, is_own.then_some(tx.now())),
    };
    // Written before it is read: of two that agree at once, the second one sees the first.
    match agreed.run(tx).await {
        Ok(()) => {}
        Err(DataError::NotFound { .. }) => return Err(gone()),
        Err(error) => return Err(error.into()),
    }
    let change = AddressChange::find(tx, link.account.id).await?;
    let change = change.filter(|change| change.email == link.email).ok_or_else(gone)?;
    if change.old_agreed_at.is_none() || change.new_agreed_at.is_none() {
        return Ok(());
    }
    AddressChange::delete(tx, link.account.id).await?;
    Account::update(link.account.id)
        .set(Account::email, link.email.clone())
        .set(Account::reached_at, now)
        .set(Account::confirmed_at, change.new_confirmed_at)
        .run(tx)
        .await
        .on_conflict(Account::unique_email, || Problem::conflict("another account has this address"))?;
    rename_users(tx, link).await?;
    // They were mailed to the old address.
    end_all(tx, link.account.id).await?;
    let old = link.account.email.clone();
    Ok(tx
        .enqueue(SendNotice {
            email: Some(old),
            ..SendNotice::to(link.account.id, NoticeKind::AddressChanged)
        })
        .await
        .map(drop)?)
}

/// Every organization shows the address of its users.
async fn rename_users(tx: &SystemTx<'_>, link: &UsedLink) -> Result<(), DataError> {
    // The sessions of organizations without this person stay in the cache.
    let _: Vec<(UserId, OrgId)> = sql!(
        "auth_users.change_address",
        "UPDATE auth_users SET email = $2 WHERE (org_id, id) IN
             (SELECT org_id, user_id FROM auth_memberships WHERE account_id = $1)
         RETURNING id, org_id"
    )
    .changes_returned_by_organization(User::TABLE)
    .bind(link.account.id)
    .bind(link.email.clone())
    .all(tx)
    .await?;
    Ok(())
}
