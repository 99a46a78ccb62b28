//! Mails an invitation.

use serde::{Deserialize, Serialize};
use tenfold::prelude::*;
use tenfold_mail::Mailer;

use super::InvitationToken;
use crate::entities::{AccountStanding, Invitation, InvitationId, Organization, Profile, User, UserSettings};
use crate::links::letters::{self, MailLanguage};

/// Mails an invitation. Its token is made here: it is in no argument.
#[derive(Serialize, Deserialize)]
pub(crate) struct SendInvitation {
    pub invitation: InvitationId,
}

impl Job for SendInvitation {
    const KIND: &'static str = "auth.send_invitation";
    const QUEUE: &'static str = tenfold_mail::QUEUE;
    const MAX_ATTEMPTS: u32 = tenfold_mail::ATTEMPTS;

    async fn run(self, job: JobContext) -> anyhow::Result<()> {
        let cx = job.cx()?;
        // It may have been taken back or accepted meanwhile, or have expired.
        let invitation = Invitation::find(&cx, self.invitation).await?;
        let Some(invitation) = invitation.filter(|invitation| cx.now() < invitation.expires_at) else {
            return Ok(());
        };
        let mailer = job.service::<Mailer>()?;
        let Some(mail) = mailer.address_asked_for(&job, &invitation.email, "invitation").await? else {
            return Ok(());
        };
        let organization = Organization::get(job.system(), cx.tenant()).await?;
        if organization.closed_at.is_some() || organization.suspended_at.is_some() {
            return Ok(());
        }
        // An invitation of somebody who has gone is worth nothing.
        let Some(inviter) = User::find(&cx, invitation.invited_by).await? else { return Ok(()) };
        if AccountStanding::get(job.system(), inviter.account_id).await?.suspended_at.is_some() {
            return Ok(());
        }
        let profile = Profile::find(&cx, invitation.invited_by).await?;
        let settings = UserSettings::find(&cx, invitation.invited_by).await?;
        let language = settings.map_or(MailLanguage::English, |settings| MailLanguage::of(&settings.locale));
        let (token, kept) = InvitationToken::fresh(cx.tenant())?;
        let change = Invitation::update(invitation.id).set(Invitation::secret_hash, Some(kept.hash));
        cx.transaction(async |tx| change.run(tx).await).await?;
        let name = profile.map_or_else(String::new, |profile| profile.display_name.clone());
        let link = mailer.link(&format!("/#invitation?token={token}"));
        mail.send(&letters::invitation(language, [&name, &inviter.email], &organization.name, &link)).await
    }
}
