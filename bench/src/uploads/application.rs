//! A backend with one slow piece of work, done twice: after the answer by a job, and before it by the handler.
//!
//! Both store the body in the same way, streamed to a file that is synced. What differs is who waits.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};
use tenfold::App;
use tenfold::config::TimeSpan;
use tenfold::data::Uuid;
use tenfold::http::{Authenticate, StatusCode};
use tenfold::prelude::*;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::Semaphore;

const DEFAULTS: &str = r#"
[uploads]
# Where the bytes are kept.
folder = "data/uploads"
# How long the work on each upload takes; a time such as 10s.
work = "10s"
# How many requests of POST /sync may work at once, as in a server with so many processes or threads.
places = 8
"#;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UploadsSettings {
    folder: PathBuf,
    work: TimeSpan,
    places: usize,
}

/// What handlers and jobs share.
struct UploadService {
    folder: PathBuf,
    work: Duration,
    places: Semaphore,
}

/// The application; it is started as `bench serve`.
pub fn application() -> App {
    let module = Module::new("uploads")
        .settings(DEFAULTS)
        .service(|wiring| Box::pin(UploadService::start(wiring)))
        .authenticates(|_| Arc::new(Nobody))
        .job::<UploadWork>()
        .routes(routes);
    App::new("bench", env!("CARGO_PKG_VERSION")).module(module)
}

fn routes() -> Routes {
    Routes::new()
        .routes(routes!(accept))
        .routes(routes!(work_before_the_answer))
        .routes(routes!(work_in_one_of_few_places))
}

/// No route asks who it is.
struct Nobody;

#[async_trait]
impl Authenticate for Nobody {
    async fn authenticate(&self, _: &SystemContext, _: &str) -> Result<Option<Context>, Problem> {
        Ok(None)
    }
}

/// Takes an upload, enqueues the work and answers.
#[endpoint(post, "/async", tag = "uploads", answers(202), example(body = "bytes"))]
async fn accept(cx: SystemContext, uploads: Use<UploadService>, body: Body) -> Result<StatusCode, Problem> {
    let upload = uploads.store(cx.new_id(), body).await.map_err(Problem::internal)?;
    cx.transaction(async |tx| tx.enqueue(UploadWork { upload }).await).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Takes an upload, works on it and answers.
#[endpoint(post, "/sync", tag = "uploads", answers(200), example(body = "bytes"))]
async fn work_before_the_answer(
    cx: SystemContext,
    uploads: Use<UploadService>,
    body: Body,
) -> Result<StatusCode, Problem> {
    uploads.store(cx.new_id(), body).await.map_err(Problem::internal)?;
    tokio::time::sleep(uploads.work).await;
    Ok(StatusCode::OK)
}

/// As [`work_before_the_answer`], in a server that has a process or a thread for each request, and few of them.
#[endpoint(post, "/sync-in-places", tag = "uploads", answers(200), example(body = "bytes"))]
async fn work_in_one_of_few_places(
    cx: SystemContext,
    uploads: Use<UploadService>,
    body: Body,
) -> Result<StatusCode, Problem> {
    let _place = uploads.places.acquire().await.map_err(Problem::internal)?;
    uploads.store(cx.new_id(), body).await.map_err(Problem::internal)?;
    tokio::time::sleep(uploads.work).await;
    Ok(StatusCode::OK)
}

/// The work on one upload: it waits, as it would for another service.
#[derive(Serialize, Deserialize)]
struct UploadWork {
    upload: Uuid,
}

impl Job for UploadWork {
    const KIND: &'static str = "uploads.work";

    async fn run(self, job: JobContext) -> anyhow::Result<()> {
        let uploads = job.service::<UploadService>()?;
        job.step("work", async || {
            tokio::fs::metadata(uploads.folder.join(self.upload.to_string())).await?;
            tokio::time::sleep(uploads.work).await;
            Ok(())
        })
        .await
    }
}

impl UploadService {
    async fn start(wiring: &Wiring) -> anyhow::Result<Self> {
        let settings: UploadsSettings = wiring.settings().section("uploads")?;
        tokio::fs::create_dir_all(&settings.folder).await?;
        let places = Semaphore::new(settings.places);
        Ok(UploadService { folder: settings.folder, work: settings.work.as_std(), places })
    }

    /// Streams a body to a file; it is on the disk when this returns.
    async fn store(&self, id: Uuid, body: Body) -> anyhow::Result<Uuid> {
        let mut file = tokio::fs::File::create(self.folder.join(id.to_string())).await?;
        let mut pieces = body.into_data_stream();
        while let Some(piece) = pieces.next().await {
            file.write_all(&piece?).await?;
        }
        file.flush().await?;
        file.sync_all().await?;
        Ok(id)
    }
}
