//! The channel of mails: what a person has not read in the application after a while is mailed, all of it in one mail.
//!
//! Each notification has a job of its own. The first that is due takes all that waits for its person, and the others find nothing to do. So a
//! burst is one mail, and none is forgotten: no job has to notice, at its end, what came meanwhile.

mod letter;

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use tenfold::prelude::*;
use tenfold_auth_api::{AuthClient, UserId};
use tenfold_mail::Mailer;
use uuid::Uuid;

use crate::channels::{Channels, choices};
use crate::entities::{Notification, NotificationId, WaitingMail};
use crate::stop_token::StopToken;

/// The most notifications that a mail counts; it names fewer.
const MOST: usize = 1000;

/// Mails what a person has not read yet.
#[derive(Serialize, Deserialize)]
pub(crate) struct MailNotifications {
    pub user: Uuid,
    /// The one that it was enqueued for.
    pub notification: NotificationId,
}

impl Job for MailNotifications {
    const KIND: &'static str = "notifications.mail";
    const QUEUE: &'static str = tenfold_mail::QUEUE;
    const MAX_ATTEMPTS: u32 = tenfold_mail::ATTEMPTS;

    async fn run(self, job: JobContext) -> anyhow::Result<()> {
        let taken = take(&job, self.user).await?;
        // An earlier job may have mailed what this one was enqueued for.
        if taken.is_empty() {
            return Ok(());
        }
        let unread = self.unread(&job, taken).await?;
        if !unread.is_empty() {
            self.mail(&job, &unread).await?;
        }
        forget(&job, job.id().0).await
    }
}

impl MailNotifications {
    /// What is left of it without what was read in the application, and without kinds that are not wanted by mail any more.
    async fn unread(&self, job: &JobContext, taken: Vec<WaitingMail>) -> anyhow::Result<Vec<WaitingMail>> {
        let (cx, channels) = (job.cx()?, job.service::<Channels>()?);
        let ids = taken.iter().map(|mail| mail.id).collect();
        let shown = Notification::find_many(&cx, ids).await?;
        let read: HashSet<NotificationId> = shown
            .into_iter()
            .flatten()
            .filter(|notification| notification.read_at.is_some())
            .map(|notification| notification.id)
            .collect();
        let chosen = choices(&cx, self.user).await?;
        let is_wanted =
            |mail: &WaitingMail| channels.kind(&mail.kind).is_ok_and(|kind| chosen.channels(kind).mail);
        Ok(taken.into_iter().filter(|mail| !read.contains(&mail.id) && is_wanted(mail)).collect())
    }

    /// Mails it, if the person gets mails.
    async fn mail(&self, job: &JobContext, unread: &[WaitingMail]) -> anyhow::Result<()> {
        let (cx, channels) = (job.cx()?, job.service::<Channels>()?);
        let auth = job.service::<AuthClient>()?;
        let Some(contact) = auth.user_contact(&cx, UserId(self.user)).await? else { return Ok(()) };
        let mailer = job.service::<Mailer>()?;
        let Some(mail) = mailer.address(job, &contact.email).await? else { return Ok(()) };
        let mut kinds: Vec<String> = unread.iter().map(|mail| mail.kind.clone()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let token = StopToken { organization: cx.tenant(), user: self.user, kinds }.sign(&channels.key);
        let stop = mailer.link(&format!("{}?token={token}", crate::stop::PATH));
        mail.send(&letter::letter(&contact, unread, &mailer.link("/"), &stop)).await
    }
}

/// Takes all that waits for a person, and gives what this job has taken. Of two jobs at once each takes other rows. A job takes once: a
/// later attempt may be one whose mail was sent, and what comes meanwhile has jobs of its own.
async fn take(job: &JobContext, user: Uuid) -> anyhow::Result<Vec<WaitingMail>> {
    let (cx, id) = (job.cx()?, job.id().0);
    job.step_in("take", async |tx| {
        let waiting = WaitingMail::query().filter(WaitingMail::user_id.eq(user));
        let waiting = waiting.filter(WaitingMail::job_id.is_null());
        waiting.update().set(WaitingMail::job_id, Some(id)).run(&tx.within(cx.tenant())).await?;
        Ok(())
    })
    .await?;
    let taken = WaitingMail::query().filter(WaitingMail::job_id.eq(Some(id)));
    Ok(taken.order_by(WaitingMail::id).limit(MOST).all(&cx).await?.into_iter().collect())
}

/// Deletes what a job has taken.
async fn forget(job: &JobContext, id: Uuid) -> anyhow::Result<()> {
    let taken = WaitingMail::query().filter(WaitingMail::job_id.eq(Some(id)));
    job.cx()?.transaction(async |tx| taken.delete(tx).await).await?;
    Ok(())
}

/// A mail that cannot be sent, or was cancelled by an operator, is not sent later.
///
/// # Errors
/// A statement failed.
pub(crate) async fn given_up(job: JobContext, given_up: GivenUp<MailNotifications>) -> anyhow::Result<()> {
    forget(&job, given_up.id.0).await?;
    let own = WaitingMail::query().filter(WaitingMail::id.eq(given_up.job.notification));
    let own = own.filter(WaitingMail::job_id.is_null());
    job.cx()?.transaction(async |tx| own.delete(tx).await).await?;
    Ok(())
}
