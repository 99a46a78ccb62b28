//! The processing of a file after its upload, step by step. A completed step is not repeated.

use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tenfold::ComputeError;
use tenfold::jobs::JobState;
use tenfold::prelude::*;
use tenfold_files_api::{FileFailed, FileId, FileReady};

use crate::blobs::BlobPart;
use crate::entities::{File, FileStatus};
use crate::facts::{self, Facts};
use crate::kind::{Recognized, recognize};
use crate::outside;
use crate::picture::{self, NotDrawn, PictureFormat};
use crate::service::Files;

/// Verifies a file, detects its type, and marks it as ready.
#[derive(Serialize, Deserialize)]
pub(crate) struct ProcessUpload {
    pub file: FileId,
}

/// The bytes in the store differ from the uploaded ones.
#[derive(Debug, thiserror::Error)]
#[error("the stored bytes have the SHA-256 {found}, and the upload had {expected}")]
struct Damaged {
    expected: String,
    found: String,
}

/// The code that reads a kind of file panicked or failed unexpectedly.
#[derive(Debug, thiserror::Error)]
#[error("the file cannot be read")]
struct Panicked;

/// The result of the facts step.
#[derive(Serialize, Deserialize)]
struct Processed {
    facts: Facts,
    has_thumbnail: bool,
}

impl Job for ProcessUpload {
    const KIND: &'static str = "files.process_upload";
    const MAX_ATTEMPTS: u32 = 10;

    async fn run(self, job: JobContext) -> anyhow::Result<()> {
        let cx = job.cx()?;
        // It may have been deleted meanwhile.
        let Some(file) = File::find(&cx, self.file).await? else { return Ok(()) };
        let Err(error) = process(&job, &file).await else { return Ok(()) };
        if let Some(problem) = hopeless(&error) {
            return fail(&job, &file, problem).await;
        }
        Err(outside::judge(error, &job.service::<Files>()?.blobs, file.org_id))
    }
}

/// Marks the file of a given-up job as failed, so that it does not look as if it were still being processed.
///
/// # Errors
/// A statement failed.
pub(crate) async fn given_up(job: JobContext, given_up: GivenUp<ProcessUpload>) -> anyhow::Result<()> {
    // Internal errors are in the job's history; they do not concern the file's owner.
    let problem = match given_up.state {
        JobState::Cancelled => "its processing was cancelled by an operator",
        _ => "it could not be processed",
    };
    let cx = job.cx()?;
    cx.transaction(async |tx| -> Result<(), DataError> {
        let file = File::find(&*tx, given_up.job.file).await?;
        let Some(file) = file.filter(|file| file.status == FileStatus::Processing) else { return Ok(()) };
        mark_failed(tx, &file, problem.to_owned()).await
    })
    .await?;
    Ok(())
}

async fn process(job: &JobContext, file: &File) -> anyhow::Result<()> {
    let files = job.service::<Files>()?;
    let path = files.blobs.path(file.org_id, file.id, BlobPart::Content);
    job.step("checksum", async || {
        job.progress(10, "checking the bytes").await?;
        check(path.clone(), file.sha256.clone()).await
    })
    .await?;
    let recognized: Recognized = job
        .step("recognize", async || {
            job.progress(40, "detecting the type").await?;
            let path = path.clone();
            let recognized = aside(move || Ok(recognize(|| fs::File::open(&path))?)).await?;
            // Whatever fails after this step, these facts stay stored.
            let facts = serde_json::to_value(&recognized.facts)?;
            let known = File::update(file.id)
                .set(File::content_type, Some(recognized.content_type.clone()))
                .set(File::facts, facts);
            job.cx()?.transaction(async |tx| known.run(tx).await).await?;
            Ok(recognized)
        })
        .await?;
    let found: Processed = job
        .step("facts", async || {
            job.progress(60, "reading it").await?;
            match recognized.picture {
                Some(format) => picture(job, &files, file, path, format, recognized.facts).await,
                None => Ok(Processed { facts: recognized.facts, has_thumbnail: false }),
            }
        })
        .await?;
    job.step_in("ready", async |tx| {
        let tx = tx.within(file.org_id);
        File::update(file.id)
            .set(File::status, FileStatus::Ready)
            .set(File::facts, serde_json::to_value(&found.facts)?)
            .set(File::has_thumbnail, found.has_thumbnail)
            .set(File::problem, None)
            .run(&tx)
            .await?;
        let event = FileReady { file: file.id, name: file.name.clone(), user_id: file.user_id };
        Ok(tx.publish(event).await?)
    })
    .await
}

async fn check(path: PathBuf, expected: String) -> anyhow::Result<()> {
    let found = aside(move || Ok(facts::checksum(fs::File::open(path)?)?)).await?;
    if found == expected { Ok(()) } else { Err(Damaged { expected, found }.into()) }
}

/// Draws a thumbnail; an image that exceeds a bound is valid, but has no thumbnail.
async fn picture(
    job: &JobContext,
    files: &Files,
    file: &File,
    path: PathBuf,
    format: PictureFormat,
    facts: Facts,
) -> anyhow::Result<Processed> {
    let place = files.pictures.acquire().await?;
    let bounds = files.bounds;
    let draw = move || Ok(picture::draw(|| fs::File::open(&path), format, &bounds));
    let drawn = aside(draw).await?;
    drop(place);
    let (header, png) = match drawn {
        Err(NotDrawn::Declined(reason)) => {
            let facts = Facts { no_thumbnail: Some(reason.describe(&files.bounds)), ..facts };
            return Ok(Processed { facts, has_thumbnail: false });
        }
        drawn => drawn?,
    };
    let mut blob =
        files.blobs.create(file.org_id, file.id, BlobPart::Thumbnail, job.system().new_id()).await?;
    blob.write(&png).await?;
    blob.keep().await?;
    let (width, height) = header.sides();
    let facts = Facts { width: Some(width), height: Some(height), ..facts };
    Ok(Processed { facts, has_thumbnail: true })
}

/// Reads and computes on a thread that gives way to requests.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    match tenfold::compute(work).await {
        Ok(result) => result,
        Err(ComputeError::Panicked) => Err(Panicked.into()),
        Err(error) => Err(error.into()),
    }
}

/// The message for the owner when another attempt would fail the same way.
fn hopeless(error: &anyhow::Error) -> Option<String> {
    let image = matches!(error.downcast_ref(), Some(NotDrawn::Damaged(_)));
    let known = image || error.is::<Damaged>() || error.is::<Panicked>();
    known.then(|| error.to_string())
}

async fn fail(job: &JobContext, file: &File, problem: String) -> anyhow::Result<()> {
    tracing::warn!(file = %file.id, problem, "a file failed");
    job.step_in("failed", async |tx| Ok(mark_failed(&tx.within(file.org_id), file, problem).await?)).await
}

/// Records that a file will not become ready, and why.
pub(crate) async fn mark_failed(tx: &Tx<'_>, file: &File, problem: String) -> Result<(), DataError> {
    File::update(file.id)
        .set(File::status, FileStatus::Failed)
        .set(File::problem, Some(problem))
        .run(tx)
        .await?;
    tx.publish(FileFailed { file: file.id, name: file.name.clone(), user_id: file.user_id }).await
}
