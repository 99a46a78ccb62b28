//! The listeners to events, one file per event.

pub(crate) mod file_failed;
pub(crate) mod file_ready;
pub(crate) mod notify;

use tenfold::prelude::*;
use tenfold::{NotificationKind, Notify};
use tenfold_files_api::FileId;
use uuid::Uuid;

use crate::channels::{Channels, choices};
use crate::entities::{NotificationId, NotificationRow, WaitingMailRow};
use crate::mail::MailNotifications;

/// Tells a person once, by the channels that the person has chosen: what is told is committed together with the step's result.
///
/// # Errors
/// No module declares the kind, the database fails, or another worker has taken over the delivery. During a deployment another worker
/// may know the kind, so the delivery is retried.
async fn tell(job: &JobContext, told: Notify) -> anyhow::Result<()> {
    let channels = job.service::<Channels>()?;
    let kind = channels.kind(&told.kind)?;
    let organization = job.cx()?.tenant();
    job.step_in("notify", async |tx| {
        let tx = tx.within(organization);
        let chosen = choices(&tx, told.user).await?.channels(kind);
        let id = NotificationId(tx.new_id());
        if chosen.mail {
            wait_for_mail(&tx, id, &told, &channels).await?;
        }
        if chosen.in_app {
            notification(&tx, id, told).insert(&tx).await?;
        }
        Ok(())
    })
    .await
}

fn notification(tx: &Tx<'_>, id: NotificationId, told: Notify) -> NotificationRow {
    NotificationRow {
        id,
        org_id: tx.tenant(),
        user_id: told.user,
        kind: told.kind,
        title: told.title,
        body: told.body,
        link: told.link,
        read_at: None,
        created_at: tx.now(),
    }
}

/// Keeps it for a mail, and enqueues the job that sends it after a while.
async fn wait_for_mail(
    tx: &Tx<'_>,
    id: NotificationId,
    told: &Notify,
    channels: &Channels,
) -> Result<(), DataError> {
    let mail = WaitingMailRow {
        id,
        org_id: tx.tenant(),
        user_id: told.user,
        kind: told.kind.clone(),
        title: told.title.clone(),
        body: told.body.clone(),
        job_id: None,
    };
    mail.insert(tx).await?;
    let later = JobOptions::new().run_at(tx.now() + channels.mail_delay);
    tx.enqueue_with(MailNotifications { user: told.user, notification: id }, later).await?;
    Ok(())
}

/// What the owner of a file is told.
fn of_file(kind: NotificationKind, owner: Uuid, title: &str, (file, name): (FileId, String)) -> Notify {
    kind.notify(owner, title).body(name).link(format!("/v1/files/{file}"))
}
