//! Files whose job was given up without a word: workers that were lost over it again and again, or a person who ended
//! it. They must not look as if they were still being processed.

use files_api::FileId;
use tenfold::data::SystemTx;
use tenfold::jobs::{JobId, QueuedJob};
use tenfold::prelude::*;

use crate::entities::{File, FileStatus};
use crate::process;

/// A file that is being processed, with its organization and its job.
type Processing = (OrgId, FileId, JobId);

/// Marks them failed, and says how many there were.
///
/// # Errors
/// Whatever stops the statements.
pub(crate) async fn fail_all(cx: &SystemContext) -> Result<usize, DataError> {
    let processing: Vec<Processing> = sql!(
        "files_files.processing",
        "SELECT org_id, id, job_id FROM files_files WHERE status = 'processing' ORDER BY id LIMIT 1000"
    )
    .bounded()
    .all(cx)
    .await?;
    let jobs = QueuedJob::find_many(cx, processing.iter().map(|(_, _, job)| *job).collect()).await?;
    let mut failed = 0;
    for ((org_id, file, _), _) in processing.iter().zip(&jobs).filter(|(_, job)| job.is_none()) {
        let marked = cx.transaction(async |tx| mark(tx, *org_id, *file).await).await?;
        failed += usize::from(marked);
    }
    Ok(failed)
}

async fn mark(tx: &SystemTx<'_>, org_id: OrgId, file: FileId) -> Result<bool, DataError> {
    let tx = tx.within(org_id);
    // Looked at again: a job is in the queue until what it did is committed.
    let file = File::find(&tx, file).await?;
    let Some(file) = file.filter(|file| file.status == FileStatus::Processing) else { return Ok(false) };
    process::mark_failed(&tx, &file, "it could not be processed".to_owned()).await?;
    Ok(true)
}
