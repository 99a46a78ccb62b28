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
    /// An API key.
    ApiKeyId
}

id! {
    /// An invitation to an organization.
    InvitationId
}

id! {
    /// An account at a provider, such as Google, that is linked to an account here.
    LinkedIdentityId
}

id! {
    /// A permission of one user.
    PermissionId
}

id! {
    /// A signed-in browser or program.
    SessionId
}

/// An account: a person who signs in. It has no `Debug`, which would print a hash.
#[derive(Entity)]
#[entity(table = "auth_accounts", unique(email), global = "one account signs in to several organizations")]
pub(crate) struct Account {
    #[entity(key)]
    pub id: AccountId,
    pub email: String,
    pub password_hash: String,
    /// When it was last shown that mails to the address reach somebody.
    pub reached_at: Option<Timestamp>,
    /// When it was last shown that this is the person who has the account: in a session of it, or by taking it over. Until then
    /// a stranger may have signed up with the address.
    pub confirmed_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

/// An account, as operators see it.
#[derive(Debug, Entity)]
#[entity(table = "auth_accounts", global = "one account signs in to several organizations")]
pub(crate) struct AccountStanding {
    #[entity(key)]
    pub id: AccountId,
    pub email: String,
    pub confirmed_at: Option<Timestamp>,
    /// Since when the person may not sign in.
    pub suspended_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

/// A change of address that waits until both addresses have agreed.
#[derive(Debug, Entity)]
#[entity(table = "auth_address_changes", global = "an account has one address in all its organizations")]
pub(crate) struct AddressChange {
    #[entity(key)]
    pub account_id: AccountId,
    /// The new address.
    pub email: String,
    pub old_agreed_at: Option<Timestamp>,
    pub new_agreed_at: Option<Timestamp>,
    /// When the new address agreed with the password of the account.
    pub new_confirmed_at: Option<Timestamp>,
    pub requested_at: Timestamp,
}

/// The second factor of an account. It has no `Debug`, which would print the secret.
#[derive(Entity)]
#[entity(table = "auth_second_factors", global = "an account signs in to all its organizations with it")]
pub(crate) struct SecondFactor {
    #[entity(key)]
    pub account_id: AccountId,
    /// Shared with the authenticator application.
    pub secret: Vec<u8>,
    pub confirmed_at: Option<Timestamp>,
    /// The last period whose code was used.
    pub last_period: i64,
    pub created_at: Timestamp,
}

/// Whether an account has confirmed its second factor. Without the secret, so that it can be kept in memory.
#[derive(Debug, Entity)]
#[entity(
    table = "auth_second_factors",
    global = "an account signs in to all its organizations with it",
    cached
)]
pub(crate) struct ConfirmedFactor {
    #[entity(key)]
    pub account_id: AccountId,
    pub confirmed_at: Option<Timestamp>,
}

/// An account at a provider, such as Google, by which a person signs in. Issuer and subject are whom it means; the address is shown only.
#[derive(Debug, Entity)]
#[entity(
    table = "auth_identities",
    unique(issuer, subject),
    global = "an account signs in to all its organizations with it"
)]
pub(crate) struct LinkedIdentity {
    #[entity(key)]
    pub id: LinkedIdentityId,
    pub account_id: AccountId,
    /// The provider's name in the settings.
    pub provider: String,
    pub issuer: String,
    pub subject: String,
    /// The address that the provider gave when it was linked.
    pub email: String,
    pub created_at: Timestamp,
}

/// A tenant.
#[derive(Debug, Entity)]
#[entity(table = "auth_organizations", global = "these are the organizations")]
pub(crate) struct Organization {
    #[entity(key)]
    pub id: OrgId,
    pub name: String,
    /// Whether people need a second factor to work in it.
    pub second_factor_required: bool,
    pub created_at: Timestamp,
    /// Since when it is closed.
    pub closed_at: Option<Timestamp>,
    /// When the owners of a closed one are reminded; none once they were.
    pub remind_at: Option<Timestamp>,
    /// When a closed one is erased.
    pub erase_at: Option<Timestamp>,
    /// Since when it is being erased, so that it cannot be reopened.
    pub erasing_at: Option<Timestamp>,
    /// Since when an operator lets nobody work in it.
    pub suspended_at: Option<Timestamp>,
}

impl OrganizationRow {
    /// A new organization, in which people can work.
    pub(crate) fn open(id: OrgId, name: String, created_at: Timestamp) -> Self {
        OrganizationRow {
            id,
            name,
            second_factor_required: false,
            created_at,
            closed_at: None,
            remind_at: None,
            erase_at: None,
            erasing_at: None,
            suspended_at: None,
        }
    }
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
#[entity(table = "auth_users", tenant = org_id, cached(lists))]
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
#[entity(table = "auth_profiles", tenant = org_id, cached)]
pub(crate) struct Profile {
    #[entity(key)]
    pub user_id: UserId,
    pub org_id: OrgId,
    pub display_name: String,
    pub title: Option<String>,
}

/// A user's preferences.
#[derive(Debug, Entity)]
#[entity(table = "auth_settings", tenant = org_id, cached)]
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
#[entity(table = "auth_permissions", tenant = org_id, cached)]
pub(crate) struct UserPermission {
    #[entity(key)]
    pub id: PermissionId,
    pub org_id: OrgId,
    pub user_id: UserId,
    pub name: String,
}

/// A key with which a program works in an organization.
#[derive(Debug, Entity)]
#[entity(table = "auth_api_keys", tenant = org_id)]
pub(crate) struct ApiKey {
    #[entity(key)]
    pub id: ApiKeyId,
    pub org_id: OrgId,
    pub name: String,
    pub secret_hash: Vec<u8>,
    /// The names of its permissions.
    pub permissions: serde_json::Value,
    pub created_by: UserId,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub last_used_at: Option<Timestamp>,
}

/// A person who is asked to join an organization.
#[derive(Debug, Entity)]
#[entity(table = "auth_invitations", tenant = org_id, unique(email))]
pub(crate) struct Invitation {
    #[entity(key)]
    pub id: InvitationId,
    pub org_id: OrgId,
    pub email: String,
    pub role: Role,
    pub invited_by: UserId,
    /// The SHA-256 of the secret in its link; none before its mail was made.
    pub secret_hash: Option<Vec<u8>>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
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
    /// What the client calls itself.
    pub user_agent: String,
    /// The network address from which it was opened.
    pub address: String,
    /// When it was last used, as far as that was stored.
    pub last_seen_at: Option<Timestamp>,
    /// When its person last typed the password in it.
    pub password_at: Option<Timestamp>,
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
