//! `POST /v1/files`.

use std::io;

use axum::body::Body;
use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tenfold::config::ByteSize;
use tenfold::http::{
    HeaderMap, IntoResponse as _, RequestDeadline, Response, ServerState, State, StatusCode, header,
};
use tenfold::prelude::*;
use tenfold_auth_api::UserId;
use tenfold_billing_api::BillingClient;
use tenfold_files_api::FileId;
use tokio::time::Instant;
use utoipa::{IntoParams, ToSchema};

use crate::blobs::{BlobPart, Incoming};
use crate::digest::{announced, hex, mismatch};
use crate::entities::{FileRow, FileStatus};
use crate::outside;
use crate::permissions::WriteFiles;
use crate::process::ProcessUpload;
use crate::quota::ReservedSpace;
use crate::service::Files;

/// How an upload is called.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct UploadQuery {
    /// The displayed name: any text. It does not determine the type of the file.
    #[param(inline)]
    name: DisplayName<255>,
}

/// An accepted upload.
#[derive(Serialize, ToSchema)]
pub(crate) struct Accepted {
    id: FileId,
    status: FileStatus,
}

/// The content that has arrived and is on the disk.
struct Arrived {
    size: u64,
    sha256: String,
}

/// Uploads a file: the body is its bytes, of any type. It is stored before the response, and processed after it.
#[endpoint(post, "/v1/files", tag = "files",
    answers(202: Accepted as "application/json"), problems(400, 402, 415),
    headers("Content-Digest" = "The expected checksum: sha-256=:BASE64: (RFC 9530)",
        "X-Checksum-Sha256" = "The same in 64 hexadecimal digits"),
    example(query = "name=hello.txt", body = "any bytes are a file"))]
#[expect(
    clippy::too_many_arguments,
    reason = "each is a part of the request or a service, taken by its type"
)]
pub(crate) async fn upload_file(
    cx: Context,
    _: Require<WriteFiles>,
    Query(query): Query<UploadQuery>,
    files: Use<Files>,
    billing: BillingClient,
    state: State<ServerState>,
    patience: RequestDeadline,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    check_form(&headers)?;
    let expected = announced(&headers)?;
    let length = announced_length(&headers);
    check_size(length, &files)?;
    let file = FileId(cx.new_id());
    let room = ReservedSpace::reserve(&cx, &files, &billing, file, length).await?;
    let last = Instant::now() + files.longest_upload();
    let upload = Upload { cx, file, files: &files, state: &state, patience, last };
    upload.run(query.name.into_inner(), expected, room, body).await?;
    let location = [(header::LOCATION, format!("/v1/files/{file}"))];
    let accepted = Accepted { id: file, status: FileStatus::Processing };
    Ok((StatusCode::ACCEPTED, location, Json(accepted)).into_response())
}

/// A form would be stored with its boundaries and part headers. Other content types are ignored: the bytes decide.
fn check_form(headers: &HeaderMap) -> Result<(), Problem> {
    let announced =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = announced.split(';').next().unwrap_or_default().trim();
    if !essence.to_ascii_lowercase().starts_with("multipart/") {
        return Ok(());
    }
    let title = "Unsupported media type";
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", title).detail(format!(
        "the body is {essence}: send the plain bytes of one file with Content-Type: \
         application/octet-stream, and its name in the query as ?name="
    )))
}

/// A running upload.
struct Upload<'a> {
    cx: Context,
    file: FileId,
    files: &'a Files,
    state: &'a ServerState,
    patience: RequestDeadline,
    /// The deadline for the whole upload, at any rate.
    last: Instant,
}

impl Upload<'_> {
    /// Receives and stores it. If that fails, its reserved space is given back after its bytes are deleted.
    async fn run(
        &self,
        name: String,
        expected: Option<String>,
        mut room: ReservedSpace,
        body: Body,
    ) -> Result<(), Problem> {
        let stored = self.receive_and_store(name, expected, &mut room, body).await;
        if stored.is_err() {
            self.patience.renew(self.state, self.last);
            self.patience.afresh(self.state, &self.cx, async |cx| room.give_back(&cx).await).await;
        } else {
            room.keep();
        }
        stored
    }

    async fn receive_and_store(
        &self,
        name: String,
        expected: Option<String>,
        room: &mut ReservedSpace,
        body: Body,
    ) -> Result<(), Problem> {
        let (blobs, org_id) = (&self.files.blobs, self.cx.tenant());
        let blob = blobs.create(org_id, self.file, BlobPart::Content, self.cx.new_id()).await;
        let mut blob = blob.map_err(full_or_broken)?;
        let arrived = self.receive(body, &mut blob, room).await?;
        if let Some(expected) = expected.filter(|expected| *expected != arrived.sha256) {
            return Err(mismatch(&expected, &arrived.sha256));
        }
        self.patience.renew(self.state, self.last);
        blob.keep().await.map_err(full_or_broken)?;
        let row = async |cx: Context| store(&cx, self.file, name, arrived, room).await;
        if let Err(problem) = self.patience.afresh(self.state, &self.cx, row).await {
            // After a server error the row may exist: the sweep finds out.
            if !problem.status().is_server_error() {
                blobs.delete(org_id, self.file).await.map_err(Problem::internal)?;
            }
            return Err(problem);
        }
        Ok(())
    }

    /// Writes the bytes as they arrive, each piece after its space is reserved; one piece is in memory at a time.
    async fn receive(
        &self,
        body: Body,
        blob: &mut Incoming,
        room: &mut ReservedSpace,
    ) -> Result<Arrived, Problem> {
        let mut pieces = body.into_data_stream();
        let (mut size, mut hash) = (0_u64, Sha256::new());
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|error| Problem::broken_body(&error).cause(error))?;
            self.patience.renew(self.state, self.last);
            size += piece.len() as u64;
            check_size(size, self.files)?;
            if !room.covers(size, self.cx.now()) {
                let extend = async |cx: Context| room.extend(&cx, size).await;
                self.patience.afresh(self.state, &self.cx, extend).await?;
            }
            hash.update(&piece);
            blob.write(&piece).await.map_err(full_or_broken)?;
        }
        Ok(Arrived { size, sha256: hex(hash) })
    }
}

/// The length that the client announces; 0 if it announces none.
fn announced_length(headers: &HeaderMap) -> u64 {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    announced.and_then(|length| length.parse().ok()).unwrap_or(0)
}

/// Refuses a file that is too long, by its announced length before the first byte is read.
fn check_size(size: u64, files: &Files) -> Result<(), Problem> {
    if size <= files.max_size {
        return Ok(());
    }
    Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "File too large")
        .detail(format!("at most {} are allowed (files.max_size)", ByteSize::bytes(files.max_size))))
}

/// 507 when the store has no room, which an operator can fix. Whatever writes may meet it: a new file needs room in its folder, and
/// what was written last reaches the disk only when the blob is completed.
fn full_or_broken(error: io::Error) -> Problem {
    if outside::is_full(error.kind()) {
        return Problem::new(
            StatusCode::INSUFFICIENT_STORAGE,
            "storage-full",
            "The service is out of storage",
        )
        .cause(error);
    }
    Problem::internal(error)
}

/// Commits the row, the count and the job together: a file with a 202 will be processed.
async fn store(
    cx: &Context,
    id: FileId,
    name: String,
    arrived: Arrived,
    room: &ReservedSpace,
) -> Result<(), Problem> {
    let user = cx.principal().map(|principal| UserId(principal.user)).ok_or_else(Problem::unauthenticated)?;
    cx.transaction(async |tx| -> Result<(), Problem> {
        room.take(tx, arrived.size).await?;
        let job_id = tx.enqueue(ProcessUpload { file: id }).await?;
        FileRow {
            id,
            org_id: tx.tenant(),
            user_id: user,
            job_id,
            name,
            status: FileStatus::Processing,
            size: i64::try_from(arrived.size).unwrap_or(i64::MAX),
            sha256: arrived.sha256,
            content_type: None,
            facts: serde_json::Value::Object(serde_json::Map::new()),
            has_thumbnail: false,
            problem: None,
            created_at: tx.now(),
        }
        .insert(tx)
        .await?;
        Ok(())
    })
    .await
}
