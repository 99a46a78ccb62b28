//! Suspends people and organizations, and releases them.

use tenfold::data::SystemTx;
use tenfold::prelude::*;
use tenfold_auth_api::AccountId;

use crate::account::lock::lock;
use crate::entities::{AccountStanding, Organization, User};
use crate::links;
use crate::members;
use crate::second_factor::challenge;
use crate::sessions::{end_all, forgotten_everywhere};

/// Ends all sessions of a person.
pub(super) async fn end_sessions(cx: &SystemContext, account: AccountId) -> Result<(), Problem> {
    cx.transaction(async |tx| -> Result<(), Problem> {
        lock(tx, account).await?;
        Ok(end_all(tx, account, None).await?)
    })
    .await?;
    forgotten_everywhere(cx).await;
    Ok(())
}

/// Suspends a person since then, or releases the person. Sessions, links and sign-ins that wait end; API keys ask the user's row.
pub(super) async fn person(
    cx: &SystemContext,
    account: AccountId,
    since: Option<Timestamp>,
) -> Result<(), Problem> {
    cx.transaction(async |tx| -> Result<(), Problem> {
        lock(tx, account).await?;
        AccountStanding::update(account).set(AccountStanding::suspended_at, since).run(tx).await?;
        mark_users(tx, account, since).await?;
        if since.is_some() {
            end_all(tx, account, None).await?;
            links::end_all(tx, account).await?;
            challenge::close_all(tx, account).await?;
        }
        Ok(())
    })
    .await?;
    forgotten_everywhere(cx).await;
    Ok(())
}

/// The rows that API keys are read with, so that the cache forgets them.
async fn mark_users(
    tx: &SystemTx<'_>,
    account: AccountId,
    since: Option<Timestamp>,
) -> Result<(), DataError> {
    sql!(
        "auth_users.suspend",
        "UPDATE auth_users SET suspended_at = $2 WHERE (org_id, id) IN
             (SELECT org_id, user_id FROM auth_memberships WHERE account_id = $1)"
    )
    .changes(User::TABLE)
    .bind(account)
    .bind(since)
    .execute(tx)
    .await
    .map(drop)
}

/// Suspends an organization since then, or releases it. A closed one is erased later by the time that it was suspended, so that its
/// owners have as long to reopen it as they had.
pub(super) async fn organization(
    cx: &SystemContext,
    id: OrgId,
    since: Option<Timestamp>,
) -> Result<(), Problem> {
    cx.transaction(async |tx| -> Result<(), Problem> {
        members::lock(tx, id).await?;
        let found = Organization::get(tx, id).await?;
        // Suspended again, it is so since the first time.
        let since = since.map(|now| found.suspended_at.unwrap_or(now));
        let mut change = Organization::update(id).set(Organization::suspended_at, since);
        if let (None, Some(began), None) = (since, found.suspended_at, found.erasing_at) {
            let lost = tx.now().duration_since(began);
            change = change
                .set(Organization::remind_at, found.remind_at.map(|at| at + lost))
                .set(Organization::erase_at, found.erase_at.map(|at| at + lost));
        }
        Ok(change.run(tx).await?)
    })
    .await?;
    forgotten_everywhere(cx).await;
    Ok(())
}
