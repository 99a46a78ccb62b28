//! `POST /v1/auth/verify`: confirms an address, or a change of address.

use tenfold::data::SystemTx;
use tenfold::prelude::*;

use super::TokenBody;
use crate::entities::{Account, AddressChange};
use crate::links::{LinkPurpose, UsedLink, consume, end_all};

/// Confirms an address with the token of a link that was mailed to it.
///
/// A change of address happens when the old and the new address have confirmed it. A token works once. Every token that does
/// not work gets the same 404.
#[endpoint(post, "/v1/auth/verify", tag = "identity", problems(404, 409),
    example(body = {"token": "x1wCMr8ZJAVbfJyrmbYjYBJ4jvYSVRS8pXgAJCDbu4c"}))]
pub(crate) async fn verify_address(
    cx: SystemContext,
    Json(body): Json<TokenBody>,
) -> Result<NoContent, Problem> {
    cx.transaction(async |tx| -> Result<(), Problem> {
        let link = consume(tx, &body.token, &LinkPurpose::CONFIRMING).await?;
        match link.purpose {
            LinkPurpose::LeaveAddress | LinkPurpose::TakeAddress => agree(tx, &link).await,
            _ => confirm(tx, &link).await,
        }
    })
    .await?;
    Ok(NoContent)
}

/// Records that the account's address is its person's, if it is still the one that the link was mailed to.
async fn confirm(tx: &SystemTx<'_>, link: &UsedLink) -> Result<(), Problem> {
    let account = Account::get(tx, link.account).await?;
    if account.email == link.email {
        Account::update(link.account).set(Account::confirmed_at, Some(tx.now())).run(tx).await?;
    }
    Ok(())
}

/// Records that one of the two addresses agrees; the second one to do so changes the address.
async fn agree(tx: &SystemTx<'_>, link: &UsedLink) -> Result<(), Problem> {
    let gone = || Problem::not_found("change").detail("this change of address was replaced by another one");
    let now = Some(tx.now());
    let agreed = AddressChange::update(link.account);
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
    let change = AddressChange::find(tx, link.account).await?;
    let change = change.filter(|change| change.email == link.email).ok_or_else(gone)?;
    if change.old_agreed_at.is_none() || change.new_agreed_at.is_none() {
        return Ok(());
    }
    AddressChange::delete(tx, link.account).await?;
    Account::update(link.account)
        .set(Account::email, link.email.clone())
        .set(Account::confirmed_at, now)
        .run(tx)
        .await
        .on_conflict(Account::unique_email, || Problem::conflict("another account has this address"))?;
    rename_users(tx, link).await?;
    // They were mailed to the old address.
    Ok(end_all(tx, link.account).await?)
}

/// Every organization shows the address of its users.
async fn rename_users(tx: &SystemTx<'_>, link: &UsedLink) -> Result<(), DataError> {
    sql!(
        "auth_users.change_address",
        "UPDATE auth_users SET email = $2 WHERE (org_id, id) IN
             (SELECT org_id, user_id FROM auth_memberships WHERE account_id = $1)"
    )
    .changes("auth_users")
    .bind(link.account)
    .bind(link.email.clone())
    .execute(tx)
    .await
    .map(drop)
}
