//! The listeners to other modules' events, one file per event.

pub(crate) mod file_failed;
pub(crate) mod file_ready;

use tenfold::prelude::*;
use tenfold_files_api::FileId;
use uuid::Uuid;

use crate::entities::{NotificationId, NotificationKind, NotificationRow};

/// A notification for a file's owner.
struct OfFile {
    file: FileId,
    owner: Uuid,
    kind: NotificationKind,
    title: &'static str,
    body: String,
}

/// Notifies the owner once: the notification is committed together with the step's result.
async fn tell(job: &JobContext, told: OfFile) -> anyhow::Result<()> {
    let organization = job.cx()?.tenant();
    job.step_in("notify", async |tx| {
        let tx = tx.within(organization);
        let notification = NotificationRow {
            id: NotificationId(tx.new_id()),
            org_id: organization,
            user_id: told.owner,
            kind: told.kind,
            title: told.title.to_owned(),
            body: told.body,
            link: format!("/v1/files/{}", told.file),
            read_at: None,
            created_at: tx.now(),
        };
        notification.insert(&tx).await?;
        Ok(())
    })
    .await
}
