//! `files.file_failed`: notifies the owner that the file will not become ready. The file has the reason.

use tenfold::prelude::*;
use tenfold_files_api::FileFailed;

use super::{OfFile, tell};
use crate::entities::NotificationKind;

/// Notifies the file's owner.
///
/// # Errors
/// When the database fails, or another worker has taken over the delivery.
pub(crate) async fn on_file_failed(job: JobContext, event: FileFailed) -> anyhow::Result<()> {
    let told = OfFile {
        file: event.file,
        owner: event.user_id.0,
        kind: NotificationKind::FileFailed,
        title: "Your file could not be processed",
        body: event.name,
    };
    tell(&job, told).await
}
