//! `POST /v1/auth/verify`: confirms an address, or a change of address.

use tenfold::data::SystemTx;
use tenfold::http::StatusCode;
use tenfold::prelude::*;

use super::TokenBody;
use super::claim::OwnAccount;
use crate::entities::{Account, AddressChange};
use crate::links::notice::SendNotice;
use crate::links::{LinkPurpose, NoticeKind, UsedLink, consume, end_all};

/// Confirms an address with the token of a link that was mailed to it.
///
/// Send it where you are signed in. Without a session of the account it shows only that mails arrive, not that they reach the person
/// who has signed up: that is enough to sign in where `auth.unconfirmed_sign_in` is false, and for nothing else that needs a confirmed
/// address.
///
/// A change of address happens when the old and the new address have confirmed it, the new one in a session of the account, else it
/// is a 403. A token works once. Every token that does not work gets the same 404.
#[endpoint(post, "/v1/auth/verify", tag = "identity", problems(403, 404, 409),
    example(body = {"token": "x1wCMr8ZJAVbfJyrmbYjYBJ4jvYSVRS8pXgAJCDbu4c"}))]
pub(crate) async fn verify_address(
    cx: SystemContext,
    own: OwnAccount,
    Json(body): Json<TokenBody>,
) -> Result<NoContent, Problem> {
    cx.transaction(async |tx| -> Result<(), Problem> {
        let link = consume(tx, &body.token, &LinkPurpose::CONFIRMING).await?;
        let is_own = own.session_of(link.account.id).is_some();
        match link.purpose {
            LinkPurpose::TakeAddress if !is_own => Err(not_signed_in()),
            LinkPurpose::LeaveAddress | LinkPurpose::TakeAddress => agree(tx, &link).await,
            _ => {
                let now = Some(tx.now());
                let reached = Account::update(link.account.id).set(Account::reached_at, now);
                Ok(reached.set_if(Account::confirmed_at, is_own.then_some(now)).run(tx).await?)
            }
        }
    })
    .await?;
    Ok(NoContent)
}

/// Somebody else may have asked for the address of a stranger, who takes the mail for one of their own.
fn not_signed_in() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "session-required", "Sign in first")
        .detail("follow the link where you are signed in with the account whose address changes")
}

/// Records that one of the two addresses agrees; the second one to do so changes the address.
async fn agree(tx: &SystemTx<'_>, link: &UsedLink) -> Result<(), Problem> {
    let gone = || Problem::not_found("change").detail("this change of address was replaced by another one");
    let now = Some(tx.now());
    let agreed = AddressChange::update(link.account.id);
    let agreed = match link.purpose {
        LinkPurpose::LeaveAddress => agreed.set(AddressChange::old_agreed_at, now),
        _ => agreed.set(AddressChange::new_agreed_at, now),
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
        .set(Account::confirmed_at, now)
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
    sql!(
        "auth_users.change_address",
        "UPDATE auth_users SET email = $2 WHERE (org_id, id) IN
             (SELECT org_id, user_id FROM auth_memberships WHERE account_id = $1)"
    )
    .changes("auth_users")
    .bind(link.account.id)
    .bind(link.email.clone())
    .execute(tx)
    .await
    .map(drop)
}
