//! Erases the people of an organization: its users, and the accounts of those who belong to no other one (decision 67).

use tenfold::data::SystemTx;
use tenfold::prelude::*;
use tenfold_auth_api::{AccountId, UserId};

use crate::entities::{Account, Membership, MembershipId, User};

/// How many people one transaction erases; what hangs on them goes with them.
const AT_ONCE: usize = 100;

/// Deletes the users of an organization, and accounts that then have no organization and are not suspended.
///
/// # Errors
/// A statement failed. It may be repeated.
pub(super) async fn erase(cx: &SystemContext, organization: OrgId) -> Result<(), DataError> {
    let each = cx.repeating("a batch at a time");
    while each.transaction(async |tx| erase_some(tx, organization).await).await? == AT_ONCE {}
    // Users without a membership: there are none, unless somebody has deleted rows by hand.
    User::erase(&cx.within(organization)).await
}

/// Returns how many people there were.
async fn erase_some(tx: &SystemTx<'_>, organization: OrgId) -> Result<usize, DataError> {
    let members: Vec<(MembershipId, AccountId, UserId)> = sql!(
        "auth_memberships.some",
        "SELECT id, account_id, user_id FROM auth_memberships WHERE org_id = $1 LIMIT 100"
    )
    .bind(organization)
    .bounded()
    .all(tx)
    .await?;
    if members.is_empty() {
        return Ok(0);
    }
    let accounts: Vec<AccountId> = members.iter().map(|(_, account, _)| *account).collect();
    lock_all(tx, &accounts).await?;
    let ids: Vec<MembershipId> = members.iter().map(|(id, ..)| *id).collect();
    Membership::query().filter(Membership::id.any_of(ids)).delete(tx).await?;
    let users: Vec<UserId> = members.iter().map(|(.., user)| *user).collect();
    User::query().filter(User::id.any_of(users)).delete(&tx.within(organization)).await?;
    delete_lonely(tx, &accounts).await?;
    Ok(members.len())
}

/// Joining another organization locks the account, too: it happened before this, or waits and finds no account. The order is fixed,
/// so that two erasures do not wait for each other.
async fn lock_all(tx: &SystemTx<'_>, accounts: &[AccountId]) -> Result<(), DataError> {
    let _: Vec<(AccountId,)> = sql!(
        "auth_accounts.lock_many",
        sqlite: "SELECT id FROM auth_accounts WHERE id IN (SELECT value FROM rarray($1))",
        postgres: "SELECT id FROM auth_accounts WHERE id = ANY ($1) ORDER BY id FOR UPDATE"
    )
    .bind_list(accounts)
    .bounded()
    .all(tx)
    .await?;
    Ok(())
}

/// A suspended account stays, so that its person cannot sign up again with the address.
async fn delete_lonely(tx: &SystemTx<'_>, accounts: &[AccountId]) -> Result<(), DataError> {
    sql!(
        "auth_accounts.delete_lonely",
        sqlite: "DELETE FROM auth_accounts WHERE id IN (SELECT value FROM rarray($1))
                 AND suspended_at IS NULL
                 AND NOT EXISTS (SELECT 1 FROM auth_memberships AS m WHERE m.account_id = auth_accounts.id)",
        postgres: "DELETE FROM auth_accounts WHERE id = ANY ($1)
                 AND suspended_at IS NULL
                 AND NOT EXISTS (SELECT 1 FROM auth_memberships AS m WHERE m.account_id = auth_accounts.id)"
    )
    .changes(Account::TABLE)
    .bind_list(accounts)
    .execute(tx)
    .await
    .map(drop)
}
