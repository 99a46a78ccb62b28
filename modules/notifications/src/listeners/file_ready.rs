//! `files.file_ready`: notifies the owner that the file can be used.

use tenfold::prelude::*;
use tenfold_files_api::{FILE_READY, FileReady};

use super::{of_file, tell};

/// Notifies the file's owner.
///
/// # Errors
/// When the database fails, or another worker has taken over the delivery.
pub(crate) async fn on_file_ready(job: JobContext, event: FileReady) -> anyhow::Result<()> {
    let told = of_file(FILE_READY, event.user_id.0, "Your file is ready", (event.file, event.name));
    tell(&job, told).await
}
