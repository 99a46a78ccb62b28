//! `files.file_ready`: the owner is told that the file can be used.

use files_api::FileReady;
use tenfold::prelude::*;

use crate::entities::{Kind, Notification, NotificationId};

/// Tells the file's owner, once: the notification is committed together with the step's result.
///
/// # Errors
/// When the database refuses, or the delivery is another worker's meanwhile.
pub(crate) async fn on_file_ready(job: JobContext, event: FileReady) -> anyhow::Result<()> {
    let organization = job.cx()?.tenant();
    job.step_in("notify", async |tx| {
        let tx = tx.within(organization);
        let notification = Notification {
            id: NotificationId(tx.new_id()),
            org_id: organization,
            user_id: event.user_id.0,
            kind: Kind::FileReady,
            title: "Your file is ready".to_owned(),
            body: event.name,
            link: format!("/v1/files/{}", event.file),
            read_at: None,
            created_at: tx.now(),
        };
        notification.insert(&tx).await?;
        Ok(())
    })
    .await
}
