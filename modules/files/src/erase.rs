//! Erases what the module has of an organization: rows, then bytes.

use tenfold::prelude::*;

use crate::entities::{File, Usage};
use crate::service::Files;
use crate::{outside, quota};

/// Deletes all files of the organization with their bytes. It may be repeated.
///
/// # Errors
/// A statement failed, or the store.
pub(crate) async fn erase(job: JobContext, cx: Context) -> anyhow::Result<()> {
    File::erase(&cx).await?;
    quota::forget_all(&cx).await?;
    let (blobs, organization) = (&job.service::<Files>()?.blobs, cx.tenant());
    let gone = blobs.erase(organization).await;
    gone.map_err(|error| outside::judge(error.into(), blobs, organization))?;
    // Last: by this row the sweep knows that the bytes belong to this database.
    Usage::erase(&cx).await?;
    Ok(())
}
