//! `DELETE /v1/files/{id}`.

use serde::{Deserialize, Serialize};
use tenfold::prelude::*;
use tenfold_files_api::FileId;

use crate::outside;
use crate::permissions::WriteFiles;
use crate::quota;
use crate::service::Files;

/// Deletes a file. Its bytes are removed soon after.
#[endpoint(delete, "/v1/files/{id}", tag = "files", example(id = list_files))]
pub(crate) async fn delete_file(
    cx: Context,
    _: Require<WriteFiles>,
    Path(id): Path<FileId>,
) -> Result<NoContent, Problem> {
    cx.transaction(async |tx| -> Result<(), Problem> {
        // Of two concurrent deletions only one gets the size, so it is given back once.
        let deleted: Option<(i64,)> = sql!(
            "files_files.remove",
            "DELETE FROM files_files WHERE org_id = $1 AND id = $2 RETURNING size"
        )
        .changes("files_files")
        .bind(id)
        .first(tx)
        .await?;
        let (size,) = deleted.ok_or_else(|| Problem::not_found("file"))?;
        quota::give_back(tx, size).await?;
        tx.enqueue(DeleteBlobs { file: id }).await?;
        Ok(())
    })
    .await?;
    Ok(NoContent)
}

/// Deletes the bytes of a file whose row is deleted.
#[derive(Serialize, Deserialize)]
pub(crate) struct DeleteBlobs {
    pub file: FileId,
}

impl Job for DeleteBlobs {
    const KIND: &'static str = "files.delete_blobs";

    async fn run(self, job: JobContext) -> anyhow::Result<()> {
        let (blobs, org_id) = (&job.service::<Files>()?.blobs, job.cx()?.tenant());
        blobs.delete(org_id, self.file).await.map_err(|error| outside::judge(error.into(), blobs, org_id))
    }
}
