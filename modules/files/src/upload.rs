//! `POST /v1/files`.

use std::io;

use auth_api::UserId;
use axum::body::Body;
use billing_api::BillingClient;
use files_api::FileId;
use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tenfold::config::ByteSize;
use tenfold::http::{
    HeaderMap, IntoResponse as _, Patience, Response, ServerState, State, StatusCode, header,
};
use tenfold::prelude::*;
use tokio::time::Instant;
use utoipa::{IntoParams, ToSchema};

use crate::blobs::{Incoming, Part};
use crate::digest::{announced, hex, mismatch};
use crate::entities::{File, FileStatus};
use crate::permissions::WriteFiles;
use crate::process::ProcessUpload;
use crate::quota::Allowance;
use crate::service::Files;

/// How an upload is called.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct UploadQuery {
    /// What people see; any text, and never trusted to say what the file is.
    #[param(inline)]
    name: Text<1, 255>,
}

/// What became of an upload.
#[derive(Serialize, ToSchema)]
pub(crate) struct Accepted {
    id: FileId,
    status: FileStatus,
}

/// What has arrived and is on the disk.
struct Arrived {
    size: u64,
    sha256: String,
}

/// Uploads a file: the body is its bytes, of any type. It is stored when the answer comes, and processed after it.
#[endpoint(post, "/v1/files", tag = "files",
    answers(202: Accepted as "application/json"), problems(400, 402, 415),
    headers("Content-Digest" = "What the bytes must have: sha-256=:BASE64: (RFC 9530)",
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
    patience: Patience,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    check_form(&headers)?;
    let expected = announced(&headers)?;
    let allowance = Allowance::ask(&cx, &billing).await?;
    check_length(&headers, &files, &allowance)?;

    let file = FileId(cx.new_id());
    let mut blob =
        files.blobs.create(cx.tenant(), file, Part::Content, cx.new_id()).await.map_err(Problem::internal)?;
    let last = Instant::now() + files.longest_upload();
    let renew = || patience.renew(&state, last);
    let arrived = receive(body, &mut blob, &files, &allowance, renew).await?;
    if let Some(expected) = expected.filter(|expected| *expected != arrived.sha256) {
        return Err(mismatch(&expected, &arrived.sha256));
    }
    patience.renew(&state, last);
    blob.keep().await.map_err(Problem::internal)?;
    let row = async |cx: Context| store(&cx, file, query.name.into_inner(), arrived, &allowance).await;
    if let Err(problem) = patience.afresh(&state, &cx, row).await {
        // Unless nobody knows whether the row is there: then the sweep finds out.
        if !problem.status().is_server_error() {
            files.blobs.delete(cx.tenant(), file).await.map_err(Problem::internal)?;
        }
        return Err(problem);
    }
    let location = [(header::LOCATION, format!("/v1/files/{file}"))];
    let accepted = Accepted { id: file, status: FileStatus::Processing };
    Ok((StatusCode::ACCEPTED, location, Json(accepted)).into_response())
}

/// A form would be stored with its boundaries and part headers. Other types say nothing: the bytes do.
fn check_form(headers: &HeaderMap) -> Result<(), Problem> {
    let announced =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = announced.split(';').next().unwrap_or_default().trim();
    if !essence.to_ascii_lowercase().starts_with("multipart/") {
        return Ok(());
    }
    let title = "The body is of another type";
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", title).detail(format!(
        "the body is {essence}: send the bytes of one file as they are, with Content-Type: \
         application/octet-stream, and its name in the query as ?name="
    )))
}

/// Refuses by the announced length, before the first byte is read.
fn check_length(headers: &HeaderMap, files: &Files, allowance: &Allowance) -> Result<(), Problem> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let length: u64 = announced.and_then(|length| length.parse().ok()).unwrap_or(0);
    check_size(length, files, allowance)
}

fn check_size(size: u64, files: &Files, allowance: &Allowance) -> Result<(), Problem> {
    if size > files.max_size {
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The file is too long")
            .detail(format!("{} are allowed at most (files.max_size)", ByteSize::bytes(files.max_size))));
    }
    allowance.check(size)
}

/// Writes the bytes as they come; one piece is in memory at a time.
async fn receive(
    body: Body,
    blob: &mut Incoming,
    files: &Files,
    allowance: &Allowance,
    renew: impl Fn(),
) -> Result<Arrived, Problem> {
    let mut pieces = body.into_data_stream();
    let (mut size, mut hash) = (0_u64, Sha256::new());
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| Problem::broken_body(&error).cause(error))?;
        renew();
        size += piece.len() as u64;
        check_size(size, files, allowance)?;
        hash.update(&piece);
        blob.write(&piece).await.map_err(full_or_broken)?;
    }
    Ok(Arrived { size, sha256: hex(hash) })
}

/// 507 when the disk is full, which people can do something about.
fn full_or_broken(error: io::Error) -> Problem {
    if error.kind() == io::ErrorKind::StorageFull {
        return Problem::new(
            StatusCode::INSUFFICIENT_STORAGE,
            "storage-full",
            "The service has no room left",
        )
        .cause(error);
    }
    Problem::internal(error)
}

/// Commits the row, the count and the job together: who gets a 202 has a file that will be processed.
async fn store(
    cx: &Context,
    id: FileId,
    name: String,
    arrived: Arrived,
    allowance: &Allowance,
) -> Result<(), Problem> {
    let user = cx.principal().map(|principal| UserId(principal.user)).ok_or_else(Problem::unauthenticated)?;
    cx.transaction(async |tx| -> Result<(), Problem> {
        allowance.take(tx, arrived.size).await?;
        let job_id = tx.enqueue(ProcessUpload { file: id }).await?;
        File {
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
