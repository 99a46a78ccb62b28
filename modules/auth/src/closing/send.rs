//! Mails an owner about a closed organization.

use serde::{Deserialize, Serialize};
use tenfold::prelude::*;
use tenfold_auth_api::UserId;
use tenfold_mail::Mailer;

use super::letters;
use crate::entities::{Organization, User, UserSettings};
use crate::links::letters::MailLanguage;

/// What an owner is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ClosingMail {
    /// Somebody has closed it.
    Closed {
        /// Who.
        by: UserId,
    },
    /// It is soon erased.
    Reminder,
}

/// Mails an owner about a closed organization.
#[derive(Serialize, Deserialize)]
pub(crate) struct SendClosing {
    pub owner: UserId,
    /// Which closing it is about: the organization may have been reopened.
    pub closed_at: Timestamp,
    pub mail: ClosingMail,
}

impl Job for SendClosing {
    const KIND: &'static str = "auth.send_closing";
    const QUEUE: &'static str = tenfold_mail::QUEUE;
    const MAX_ATTEMPTS: u32 = tenfold_mail::ATTEMPTS;

    async fn run(self, job: JobContext) -> anyhow::Result<()> {
        let cx = job.cx()?;
        let organization = Organization::find(job.system(), cx.tenant()).await?;
        let organization = organization.filter(|found| found.closed_at == Some(self.closed_at));
        let Some((organization, end)) = organization.and_then(|found| found.erase_at.map(|end| (found, end)))
        else {
            return Ok(());
        };
        let by = match self.mail {
            ClosingMail::Closed { by } => User::find(&cx, by).await?.map(|user| user.email.clone()),
            ClosingMail::Reminder => None,
        };
        let Some(owner) = User::find(&cx, self.owner).await? else { return Ok(()) };
        let settings = UserSettings::find(&cx, self.owner).await?;
        let language = settings.map_or(MailLanguage::English, |settings| MailLanguage::of(&settings.locale));
        let mailer = job.service::<Mailer>()?;
        let Some(mail) = mailer.address(&job, &owner.email).await? else { return Ok(()) };
        let link = mailer.link("/");
        mail.send(&letters::closing(language, by.as_deref(), &organization.name, end, &link)).await
    }
}
