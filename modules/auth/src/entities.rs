//! The module's tables as structs.

use serde::{Deserialize, Serialize};
use tenfold::prelude::*;
use tenfold_auth_api::{AccountId, UserId};
use utoipa::ToSchema;

id! {
    /// A row that says which organization an account may sign in to.
    MembershipId
}

id! {
    /// A permission of one user.
    PermissionId
}

id! {
    /// A signed-in browser or program.
    SessionId
}

/// An account: a person who signs in.
#[derive(Debug, Entity)]
#[entity(table = "auth_accounts", unique(email), global = "one account signs in to several organizations")]
pub(crate) struct Account {
    #[entity(key)]
    pub id: AccountId,
    pub email: String,
    pub password_hash: String,
    pub created_at: Timestamp,
}

/// A tenant.
#[derive(Debug, Entity)]
#[entity(table = "auth_organizations", global = "these are the organizations")]
pub(crate) struct Organization {
    #[entity(key)]
    pub id: OrgId,
    pub name: String,
    pub created_at: Timestamp,
}

/// A membership: the account may sign in to the organization, as this user.
#[derive(Debug, Entity)]
#[entity(table = "auth_memberships", global = "sign-in looks up which organizations an account has")]
pub(crate) struct Membership {
    #[entity(key)]
    pub id: MembershipId,
    pub account_id: AccountId,
    pub org_id: OrgId,
    pub user_id: UserId,
    pub last_used_at: Timestamp,
    #[entity(belongs_to(by = org_id))]
    pub organization: One<Organization>,
}

/// A person inside one organization.
#[derive(Debug, Entity)]
#[entity(table = "auth_users", tenant = org_id)]
pub(crate) struct User {
    #[entity(key)]
    pub id: UserId,
    pub org_id: OrgId,
    pub account_id: AccountId,
    pub email: String,
    pub role: Role,
    pub created_at: Timestamp,
    #[entity(has_one(by = user_id))]
    pub profile: One<Profile>,
    #[entity(has_one(by = user_id))]
    pub settings: One<UserSettings>,
    /// Permissions in addition to those of the role.
    #[entity(has_many(by = user_id))]
    pub permissions: Many<UserPermission>,
}

/// A user's profile, as others see it.
#[derive(Debug, Entity)]
#[entity(table = "auth_profiles", tenant = org_id)]
pub(crate) struct Profile {
    #[entity(key)]
    pub user_id: UserId,
    pub org_id: OrgId,
    pub display_name: String,
    pub title: Option<String>,
}

/// A user's preferences.
#[derive(Debug, Entity)]
#[entity(table = "auth_settings", tenant = org_id)]
pub(crate) struct UserSettings {
    #[entity(key)]
    pub user_id: UserId,
    pub org_id: OrgId,
    pub theme: Theme,
    pub locale: String,
}

/// Light or dark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, TextEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Theme {
    System,
    Light,
    Dark,
}

/// A permission of one user in addition to those of the role.
#[derive(Debug, Entity)]
#[entity(table = "auth_permissions", tenant = org_id)]
pub(crate) struct UserPermission {
    #[entity(key)]
    pub id: PermissionId,
    pub org_id: OrgId,
    pub user_id: UserId,
    pub name: String,
}

/// A signed-in browser or program.
#[derive(Debug, Entity)]
#[entity(table = "auth_sessions", tenant = org_id)]
pub(crate) struct Session {
    #[entity(key)]
    pub id: SessionId,
    pub org_id: OrgId,
    pub user_id: UserId,
    pub account_id: AccountId,
    pub secret_hash: Vec<u8>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

/// A key that signs tokens.
#[derive(Entity)]
#[entity(table = "auth_token_keys", global = "one set of keys signs the tokens of all organizations")]
pub(crate) struct TokenKey {
    #[entity(key)]
    pub id: i64,
    pub secret: Vec<u8>,
    pub created_at: Timestamp,
}
