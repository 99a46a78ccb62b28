//! `files.file_failed`: notifies the owner that the file will not become ready. The file has the reason.

use tenfold::prelude::*;
use tenfold_files_api::{FILE_FAILED, FileFailed};

use super::{of_file, tell};

/// Notifies the file's owner.
///
/// # Errors
/// When the database fails, or another worker has taken over the delivery.
pub(crate) async fn on_file_failed(job: JobContext, event: FileFailed) -> anyhow::Result<()> {
    let title = "Your file could not be processed";
    let told = of_file(FILE_FAILED, event.user_id.0, title, (event.file, event.name));
    tell(&job, told).await
}
