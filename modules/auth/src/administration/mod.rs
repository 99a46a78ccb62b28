//! What operators see of people and organizations, and what they do with them, in the console.

mod find;
mod invite;
mod suspend;

use std::sync::Arc;

use tenfold::data::Uuid;
use tenfold::http::{Administer, AdministeredNames, AdministeredOrganization, AdministeredPerson, PersonAct};
use tenfold::prelude::*;
use tenfold_auth_api::AccountId;

use crate::entities::{AccountStanding, InvitationId};
use crate::links::LinkPurpose;
use crate::links::send::enqueue;

/// Administers the people of this module.
pub(crate) struct Administration;

impl Administration {
    pub(crate) fn shared() -> Arc<dyn Administer> {
        Arc::new(Administration)
    }
}

#[async_trait]
impl Administer for Administration {
    async fn people(
        &self,
        cx: &SystemContext,
        words: &str,
        limit: usize,
    ) -> Result<Vec<AdministeredPerson>, Problem> {
        Ok(find::people(cx, words, limit).await?)
    }

    async fn organizations(
        &self,
        cx: &SystemContext,
        words: &str,
        limit: usize,
    ) -> Result<Vec<AdministeredOrganization>, Problem> {
        Ok(find::organizations(cx, words, limit).await?)
    }

    async fn person(&self, cx: &SystemContext, account: Uuid) -> Result<AdministeredPerson, Problem> {
        find::person(cx, AccountId(account)).await
    }

    async fn organization(
        &self,
        cx: &SystemContext,
        organization: OrgId,
    ) -> Result<AdministeredOrganization, Problem> {
        find::organization(cx, organization).await
    }

    async fn names(
        &self,
        cx: &SystemContext,
        organizations: &[OrgId],
        users: &[Uuid],
    ) -> Result<AdministeredNames, Problem> {
        Ok(find::names(cx, organizations, users).await?)
    }

    async fn act_on_person(&self, cx: &SystemContext, account: Uuid, act: PersonAct) -> Result<(), Problem> {
        let account = AccountId(account);
        match act {
            PersonAct::MailConfirmation => mail(cx, account, LinkPurpose::ConfirmAddress).await,
            PersonAct::MailReset => mail(cx, account, LinkPurpose::ResetPassword).await,
            PersonAct::EndSessions => suspend::end_sessions(cx, account).await,
            PersonAct::Suspend => suspend::person(cx, account, Some(cx.now())).await,
            PersonAct::Release => suspend::person(cx, account, None).await,
        }
    }

    async fn mail_invitation(
        &self,
        cx: &SystemContext,
        organization: OrgId,
        invitation: Uuid,
    ) -> Result<(), Problem> {
        invite::again(cx, organization, InvitationId(invitation)).await
    }

    async fn suspend_organization(&self, cx: &SystemContext, organization: OrgId) -> Result<(), Problem> {
        suspend::organization(cx, organization, Some(cx.now())).await
    }

    async fn release_organization(&self, cx: &SystemContext, organization: OrgId) -> Result<(), Problem> {
        suspend::organization(cx, organization, None).await
    }
}

/// Mails a link to the account's address, as the person can ask for it. A suspended person could do nothing with it.
async fn mail(cx: &SystemContext, account: AccountId, purpose: LinkPurpose) -> Result<(), Problem> {
    let account = AccountStanding::find(cx, account).await?.ok_or_else(|| Problem::not_found("person"))?;
    if account.suspended_at.is_some() {
        return Err(Problem::conflict("the person is suspended: release the person first"));
    }
    let email = account.email.clone();
    cx.transaction(async |tx| enqueue(tx, purpose, email).await).await?;
    Ok(())
}
