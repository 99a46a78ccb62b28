//! People who become users of an organization, and who stop being so.

use serde::{Deserialize, Serialize};
use tenfold::data::SystemTx;
use tenfold::http::StatusCode;
use tenfold::prelude::*;
use tenfold_auth_api::UserId;
use utoipa::ToSchema;

use crate::entities::{
    Account, Membership, MembershipId, MembershipRow, ProfileRow, Theme, User, UserRow, UserSettingsRow,
};

/// A role that people are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum GrantedRole {
    Owner,
    Admin,
    Member,
}

impl GrantedRole {
    pub(crate) fn role(self) -> Role {
        match self {
            GrantedRole::Owner => Role::Owner,
            GrantedRole::Admin => Role::Admin,
            GrantedRole::Member => Role::Member,
        }
    }
}

/// A person who becomes a user.
pub(crate) struct NewMember<'a> {
    pub account: &'a Account,
    pub role: Role,
    pub locale: String,
}

/// Makes a person a user of an organization.
pub(crate) async fn join(
    tx: &SystemTx<'_>,
    organization: OrgId,
    new: NewMember<'_>,
) -> Result<Membership, DataError> {
    let id = UserId(tx.new_id());
    add_user(&tx.within(organization), id, &new).await?;
    let membership = MembershipRow {
        id: MembershipId(tx.new_id()),
        account_id: new.account.id,
        org_id: organization,
        user_id: id,
        last_used_at: tx.now(),
    };
    membership.insert(tx).await
}

async fn add_user(tx: &Tx<'_>, id: UserId, new: &NewMember<'_>) -> Result<(), DataError> {
    let (org_id, account) = (tx.tenant(), new.account);
    let display_name = account.email.split('@').next().unwrap_or_default().to_owned();
    UserRow {
        id,
        org_id,
        account_id: account.id,
        email: account.email.clone(),
        role: new.role,
        created_at: tx.now(),
    }
    .insert(tx)
    .await?;
    ProfileRow { user_id: id, org_id, display_name, title: None }.insert(tx).await?;
    UserSettingsRow { user_id: id, org_id, theme: Theme::System, locale: new.locale.clone() }
        .insert(tx)
        .await?;
    Ok(())
}

/// Takes a user out of the organization, which is locked: the sessions there and the API keys end, and nothing else of the
/// person changes.
///
/// # Errors
/// 409 for the last owner.
pub(crate) async fn remove(tx: &SystemTx<'_>, user: &User) -> Result<(), Problem> {
    let tenant = tx.within(user.org_id);
    keep_an_owner(&tenant, user, None).await?;
    let memberships = Membership::query().filter(Membership::account_id.eq(user.account_id));
    memberships.filter(Membership::org_id.eq(user.org_id)).delete(tx).await?;
    Ok(User::delete(&tenant, user.id).await?)
}

/// Makes the changes of an organization's owners happen one after the other, so that two of them at once leave one.
pub(crate) async fn lock(tx: &SystemTx<'_>, organization: OrgId) -> Result<(), DataError> {
    // SQLite has one writer anyway.
    let _: Option<(OrgId,)> = sql!(
        "auth_organizations.lock",
        sqlite: "SELECT id FROM auth_organizations WHERE id = $1",
        postgres: "SELECT id FROM auth_organizations WHERE id = $1 FOR UPDATE"
    )
    .bind(organization)
    .bounded()
    .first(tx)
    .await?;
    Ok(())
}

/// Refuses what would leave an organization without an owner: `next` is the user's role afterwards, none for a user who goes.
pub(crate) async fn keep_an_owner(tx: &Tx<'_>, user: &User, next: Option<Role>) -> Result<(), Problem> {
    if user.role != Role::Owner || next == Some(Role::Owner) {
        return Ok(());
    }
    let owners = User::query().filter(User::role.eq(Role::Owner)).limit(2).count(tx).await?;
    if owners > 1 {
        return Ok(());
    }
    Err(Problem::conflict("this is the last owner of the organization: make somebody else an owner first"))
}

/// Refuses to give, take or change a role above one's own, or what belongs to a user who has one.
///
/// # Errors
/// 403 `role-out-of-reach`.
pub(crate) fn within_reach(own: Role, roles: &[Role]) -> Result<(), Problem> {
    match roles.iter().find(|role| rank(**role) > rank(own)) {
        None => Ok(()),
        Some(role) => {
            Err(Problem::new(StatusCode::FORBIDDEN, "role-out-of-reach", "The role is above your own")
                .detail(format!(
                    "users with the role {0}, and that role itself, are changed by users who have it",
                    role.as_str()
                )))
        }
    }
}

pub(crate) fn rank(role: Role) -> u8 {
    match role {
        Role::Owner => 3,
        Role::Admin => 2,
        Role::Member => 1,
        Role::Custom => 0,
    }
}
