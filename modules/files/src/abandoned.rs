//! Files that are still marked as processing although no job processes them: a version without
//! [`given_up`](process::given_up) discarded the job, or the job is missing from a partially restored
//! database.

use tenfold::data::SystemTx;
use tenfold::jobs::{JobId, QueuedJob};
use tenfold::prelude::*;
use tenfold_files_api::FileId;

use crate::entities::{File, FileStatus};
use crate::process;

/// How many rows are read at a time.
const BATCH: usize = 500;

/// A file that is being processed, with its organization and its job.
type Processing = (OrgId, FileId, JobId);

/// Marks them as failed, which notifies their owners, and returns how many there were.
///
/// # Errors
/// A statement failed.
pub(crate) async fn fail_all(cx: &SystemContext) -> Result<usize, DataError> {
    let cx = cx.repeating("a batch, and then a file, at a time: each is told of in a transaction of its own");
    let (mut failed, mut after) = (0, FileId(tenfold::data::Uuid::nil()));
    loop {
        let processing: Vec<Processing> = sql!(
            "files_files.processing",
            "SELECT org_id, id, job_id FROM files_files WHERE status = 'processing' AND id > $1 ORDER BY id LIMIT 500"
        )
        .bind(after)
        .bounded()
        .all(&cx)
        .await?;
        let Some((_, last, _)) = processing.last() else { return Ok(failed) };
        after = *last;
        let jobs = QueuedJob::find_many(&cx, processing.iter().map(|(.., job)| *job).collect()).await?;
        for ((org_id, file, _), _) in processing.iter().zip(&jobs).filter(|(_, job)| job.is_none()) {
            let marked = cx.transaction(async |tx| mark(tx, *org_id, *file).await).await?;
            failed += usize::from(marked);
        }
        if processing.len() < BATCH {
            return Ok(failed);
        }
    }
}

async fn mark(tx: &SystemTx<'_>, org_id: OrgId, file: FileId) -> Result<bool, DataError> {
    let tx = tx.within(org_id);
    // Checked again: a job stays in the queue until its effects are committed.
    let file = File::find(&tx, file).await?;
    let Some(file) = file.filter(|file| file.status == FileStatus::Processing) else { return Ok(false) };
    process::mark_failed(&tx, &file, "it could not be processed".to_owned()).await?;
    Ok(true)
}
