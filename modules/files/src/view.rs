//! A file as clients see it.

use std::collections::HashMap;

use serde::Serialize;
use tenfold::jobs::{JobId, JobState, QueuedJob};
use tenfold::prelude::*;
use tenfold_auth_api::UserId;
use tenfold_files_api::FileId;
use utoipa::ToSchema;

use crate::entities::{File, FileStatus};
use crate::facts::Facts;

/// A file.
#[derive(Serialize, ToSchema)]
pub(crate) struct FileView {
    id: FileId,
    /// The user who uploaded it.
    user_id: UserId,
    /// The name given by its owner; it says nothing about the type.
    name: String,
    status: FileStatus,
    /// The progress of its processing, 0 to 100.
    #[schema(minimum = 0, maximum = 100)]
    percent: i64,
    /// What the processing does or waits for, or why it failed.
    message: String,
    /// In bytes.
    #[schema(minimum = 0)]
    size: i64,
    /// In hexadecimal digits.
    sha256: String,
    /// The type detected from its bytes; null until it is known.
    content_type: Option<String>,
    facts: Facts,
    /// The path of its thumbnail; null if there is none.
    thumbnail: Option<String>,
    created_at: Timestamp,
    /// Its processing waits for something outside.
    #[serde(skip)]
    waits: bool,
}

/// A job's report about itself.
struct Progress<'a> {
    percent: i64,
    message: &'a str,
    waits: bool,
}

impl FileView {
    /// The files with their progress; one statement for all of them.
    pub(crate) async fn of_all(cx: &Context, files: &[File]) -> Result<Vec<Self>, Problem> {
        let processing = files.iter().filter(|file| file.status == FileStatus::Processing);
        let jobs: Vec<JobId> = processing.map(|file| file.job_id).collect();
        let queued = QueuedJob::find_many(cx, jobs).await?;
        let progress: HashMap<JobId, Progress<'_>> =
            queued.iter().flatten().map(|job| (job.id, Progress::of(job))).collect();
        files.iter().map(|file| FileView::new(file, progress.get(&file.job_id))).collect()
    }

    /// One file with its progress.
    pub(crate) async fn of(cx: &Context, file: &File) -> Result<Self, Problem> {
        let mut views = FileView::of_all(cx, std::slice::from_ref(file)).await?;
        views.pop().ok_or_else(|| Problem::not_found("file"))
    }

    /// Its progress: percent and message.
    pub(crate) fn progress(&self) -> (i64, &str) {
        (self.percent, &self.message)
    }

    /// Whether its processing waits for something outside; the message names it.
    pub(crate) fn waits(&self) -> bool {
        self.waits
    }

    fn new(file: &File, progress: Option<&Progress<'_>>) -> Result<Self, Problem> {
        let (percent, message) = match file.status {
            FileStatus::Processing => progress.map_or((0, ""), |job| (job.percent, job.message)),
            FileStatus::Ready => (100, ""),
            FileStatus::Failed => (100, file.problem.as_deref().unwrap_or_default()),
        };
        let facts = serde_json::from_value(file.facts.clone()).map_err(Problem::internal)?;
        Ok(FileView {
            id: file.id,
            user_id: file.user_id,
            name: file.name.clone(),
            status: file.status,
            percent,
            message: message.to_owned(),
            size: file.size,
            sha256: file.sha256.clone(),
            content_type: file.content_type.clone(),
            facts,
            thumbnail: file.has_thumbnail.then(|| format!("/v1/files/{}/thumbnail", file.id)),
            created_at: file.created_at,
            waits: file.status == FileStatus::Processing && progress.is_some_and(|job| job.waits),
        })
    }
}

impl<'a> Progress<'a> {
    fn of(job: &'a QueuedJob) -> Self {
        let waits = job.state == JobState::Retryable && job.waits > 0;
        Progress { percent: job.percent, message: &job.message, waits }
    }
}
