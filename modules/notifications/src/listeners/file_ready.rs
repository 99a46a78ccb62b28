//! `files.file_ready`: notifies the owner that the file can be used.

use tenfold::prelude::*;
use tenfold_files_api::FileReady;

use super::{OfFile, tell};
use crate::entities::NotificationKind;

/// Notifies the file's owner.
///
/// # Errors
/// When the database fails, or another worker has taken over the delivery.
pub(crate) async fn on_file_ready(job: JobContext, event: FileReady) -> anyhow::Result<()> {
    let told = OfFile {
        file: event.file,
        owner: event.user_id.0,
        kind: NotificationKind::FileReady,
        title: "Your file is ready",
        body: event.name,
    };
    tell(&job, told).await
}
