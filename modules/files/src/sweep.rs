//! Deletes blobs without a row: leftovers of a killed process or an interrupted upload.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use tenfold::data::Uuid;
use tenfold::prelude::*;
use tenfold_files_api::FileId;

use crate::entities::File;
use crate::quota;
use crate::service::Files;

/// How many rows are read at a time.
const BATCH: usize = 500;

/// Sweeps the whole store, and the reservations of dead uploads.
#[derive(Serialize, Deserialize)]
pub(crate) struct SweepBlobs {}

impl Job for SweepBlobs {
    const KIND: &'static str = "files.sweep_blobs";
    /// Low priority: nothing waits for it.
    const PRIORITY: i64 = 100;

    async fn run(self, job: JobContext) -> anyhow::Result<()> {
        let files = job.service::<Files>()?;
        quota::forget_expired(job.system()).await?;
        let mut swept = 0;
        for folder in files.blobs.folders().await? {
            swept += sweep(job.system(), &files, &folder).await?;
        }
        if swept > 0 {
            tracing::info!(swept, "blobs that no row knows were deleted");
        }
        Ok(())
    }
}

async fn sweep(cx: &SystemContext, files: &Files, folder: &std::path::Path) -> anyhow::Result<usize> {
    let before = cx.now() - files.orphan_after;
    let mut old = files.blobs.list(folder).await?;
    old.retain(|blob| made_at(blob.id).is_some_and(|made| made < before));
    let mut swept = 0;
    for blobs in old.chunks(BATCH) {
        let known = known(cx, blobs[0].org_id, blobs.iter().map(|blob| FileId(blob.id)).collect()).await?;
        for blob in blobs.iter().filter(|blob| !known.get(&FileId(blob.id)).copied().unwrap_or(false)) {
            files.blobs.discard(blob).await?;
            swept += 1;
        }
    }
    Ok(swept)
}

/// Which of the files have a row. An old blob that was never completed belongs to none.
async fn known(
    cx: &SystemContext,
    org_id: Option<OrgId>,
    files: Vec<FileId>,
) -> Result<HashMap<FileId, bool>, DataError> {
    let Some(org_id) = org_id else { return Ok(HashMap::new()) };
    if !is_ours(&cx.within(org_id)).await? {
        tracing::warn!(%org_id, "files.blobs holds files of an organization that this database does not know: they stay");
        return Ok(files.into_iter().map(|file| (file, true)).collect());
    }
    let rows = File::find_many(&cx.within(org_id), files.clone()).await?;
    Ok(files.into_iter().zip(rows.iter().map(Option::is_some)).collect())
}

/// Whether this database has ever stored a file of the organization. The store of another database, or of one restored
/// from an older backup, must not be emptied.
async fn is_ours(cx: &Context) -> Result<bool, DataError> {
    let counted: Option<(i64,)> =
        sql!("files_usage.is_known", "SELECT bytes FROM files_usage WHERE org_id = $1")
            .bounded()
            .first(cx)
            .await?;
    Ok(counted.is_some())
}

/// When an id was created: the first 48 bits of a UUIDv7 are milliseconds since 1970 (RFC 9562, section 5.7).
fn made_at(id: Uuid) -> Option<Timestamp> {
    let millis = id.as_u128() >> 80;
    Timestamp::from_millisecond(i64::try_from(millis).ok()?).ok()
}
