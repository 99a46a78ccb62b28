//! What the console asks of the module that knows people and organizations, and has it do.

use std::collections::HashMap;

use async_trait::async_trait;
use tenfold_data::{OrgId, SystemContext, Timestamp, Uuid};

use super::problem::Problem;

/// A person, as the console shows it.
#[derive(Clone, Debug)]
pub struct AdministeredPerson {
    /// The account.
    pub id: Uuid,
    /// The address to sign in with.
    pub email: String,
    /// Whether it was shown that the address is the person's.
    pub is_confirmed: bool,
    /// Since when the person may not sign in.
    pub suspended_at: Option<Timestamp>,
    /// Since when there is the account.
    pub created_at: Timestamp,
    /// The organizations that it belongs to; empty in a list.
    pub organizations: Vec<AdministeredOrganization>,
    /// How many sessions are open, in all organizations; zero in a list.
    pub sessions: i64,
}

/// An organization, as the console shows it.
#[derive(Clone, Debug)]
pub struct AdministeredOrganization {
    /// The organization.
    pub id: OrgId,
    /// Its name.
    pub name: String,
    /// Since when nobody may work in it, by an operator.
    pub suspended_at: Option<Timestamp>,
    /// Since when it is closed, by an owner.
    pub closed_at: Option<Timestamp>,
    /// When it will be erased, if it is closed.
    pub erase_at: Option<Timestamp>,
    /// Since when there is the organization.
    pub created_at: Timestamp,
    /// Some of its people, the owners first; empty in a list.
    pub people: Vec<AdministeredMember>,
    /// Some of its invitations that nobody has accepted yet; empty in a list.
    pub invitations: Vec<AdministeredInvitation>,
}

/// A person in an organization.
#[derive(Clone, Debug)]
pub struct AdministeredMember {
    /// The account.
    pub account: Uuid,
    /// The address to sign in with.
    pub email: String,
    /// The role in the organization.
    pub role: &'static str,
}

/// The names behind ids; what is not known is missing.
#[derive(Clone, Debug, Default)]
pub struct AdministeredNames {
    /// The names of organizations.
    pub organizations: HashMap<OrgId, String>,
    /// The accounts and addresses of users, who are people in one organization.
    pub users: HashMap<Uuid, (Uuid, String)>,
}

/// An invitation to an organization that nobody has accepted yet.
#[derive(Clone, Debug)]
pub struct AdministeredInvitation {
    /// The invitation.
    pub id: Uuid,
    /// Who is invited.
    pub email: String,
    /// The role that the person will have.
    pub role: &'static str,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// What an operator does with a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PersonAct {
    /// Mails the link that confirms the address.
    MailConfirmation,
    /// Mails the link with which a password is chosen.
    MailReset,
    /// Ends all sessions.
    EndSessions,
    /// Ends all sessions, and lets the person sign in no more; API keys that the person made stop working.
    Suspend,
    /// Lets the person sign in again.
    Release,
}

/// Finds and administers people and organizations for operators; the auth module provides it
/// ([`Module::administers`](crate::Module::administers)).
#[async_trait]
pub trait Administer: Send + Sync + 'static {
    /// People whose address begins with these words, at most `limit`, in the order of their addresses.
    ///
    /// # Errors
    /// They cannot be looked up.
    async fn people(
        &self,
        cx: &SystemContext,
        words: &str,
        limit: usize,
    ) -> Result<Vec<AdministeredPerson>, Problem>;

    /// Organizations whose name begins with these words, at most `limit`, in the order of their names.
    ///
    /// # Errors
    /// They cannot be looked up.
    async fn organizations(
        &self,
        cx: &SystemContext,
        words: &str,
        limit: usize,
    ) -> Result<Vec<AdministeredOrganization>, Problem>;

    /// One person.
    ///
    /// # Errors
    /// 404; it cannot be looked up.
    async fn person(&self, cx: &SystemContext, account: Uuid) -> Result<AdministeredPerson, Problem>;

    /// One organization.
    ///
    /// # Errors
    /// 404; it cannot be looked up.
    async fn organization(
        &self,
        cx: &SystemContext,
        organization: OrgId,
    ) -> Result<AdministeredOrganization, Problem>;

    /// The names of organizations and of users in them, for a page that has their ids.
    ///
    /// # Errors
    /// They cannot be looked up.
    async fn names(
        &self,
        cx: &SystemContext,
        organizations: &[OrgId],
        users: &[Uuid],
    ) -> Result<AdministeredNames, Problem>;

    /// Does something with a person.
    ///
    /// # Errors
    /// 404; it cannot be done.
    async fn act_on_person(&self, cx: &SystemContext, account: Uuid, act: PersonAct) -> Result<(), Problem>;

    /// Mails an invitation again, with a new link that works as long as a new invitation's; the old link stops working. It counts
    /// against the limits of its address and of the organization, and the same one is mailed once a minute at most.
    ///
    /// # Errors
    /// 404; 409 where the organization or the inviter is suspended, or the organization is closed; it cannot be done.
    async fn mail_invitation(
        &self,
        cx: &SystemContext,
        organization: OrgId,
        invitation: Uuid,
    ) -> Result<(), Problem>;

    /// Lets nobody work in an organization: sessions and API keys are refused there; nothing is deleted, nor is a closed one erased
    /// meanwhile.
    ///
    /// # Errors
    /// 404; it cannot be done.
    async fn suspend_organization(&self, cx: &SystemContext, organization: OrgId) -> Result<(), Problem>;

    /// Lets people work in it again.
    ///
    /// # Errors
    /// 404; it cannot be done.
    async fn release_organization(&self, cx: &SystemContext, organization: OrgId) -> Result<(), Problem>;
}
