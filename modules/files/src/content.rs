//! `GET /v1/files/{id}/content` and `/thumbnail`: the bytes, served so that no browser runs them as a page of ours.

use std::io;

use tenfold::http::{Bytes, HeaderMap, IntoResponse as _, Response, StatusCode, header, is_known};
use tenfold::prelude::*;
use tenfold_files_api::FileId;

use crate::blobs::BlobPart;
use crate::entities::File;
use crate::permissions::ReadFiles;
use crate::range::{ByteRange, span};
use crate::service::Files;

/// What is served, and how it may be used.
struct Served {
    file: FileId,
    part: BlobPart,
    size: u64,
    etag: String,
    content_type: String,
    disposition: String,
}

/// The bytes of a file; `Range` selects a part.
#[endpoint(get, "/v1/files/{id}/content", tag = "files",
    answers(200: Bytes as "*/*", 206: Bytes as "*/*", 304), problems(416),
    headers("Range" = "One range, such as bytes=0-99"),
    example(id = list_files))]
pub(crate) async fn file_content(
    cx: Context,
    _: Require<ReadFiles>,
    files: Use<Files>,
    headers: HeaderMap,
    Path(id): Path<FileId>,
) -> Result<Response, Problem> {
    let file = File::get(&cx, id).await?;
    let unknown = || "application/octet-stream".to_owned();
    let served = Served {
        file: id,
        part: BlobPart::Content,
        size: u64::try_from(file.size).unwrap_or(0),
        etag: format!("\"{}\"", file.sha256),
        content_type: file.content_type.clone().unwrap_or_else(unknown),
        disposition: attachment(&file.name),
    };
    serve(&cx, &files, &headers, served).await
}

/// A small picture of an image, a PNG of at most 256 pixels on a side.
#[endpoint(get, "/v1/files/{id}/thumbnail", tag = "files",
    answers(200: Bytes as "image/png", 206: Bytes as "image/png", 304), problems(416),
    example(id = list_files))]
pub(crate) async fn file_thumbnail(
    cx: Context,
    _: Require<ReadFiles>,
    files: Use<Files>,
    headers: HeaderMap,
    Path(id): Path<FileId>,
) -> Result<Response, Problem> {
    let file = File::get(&cx, id).await?;
    if !file.has_thumbnail {
        return Err(Problem::not_found("thumbnail"));
    }
    let path = files.blobs.path(cx.tenant(), id, BlobPart::Thumbnail);
    let size = tokio::fs::metadata(&path).await.map_err(|error| unread(&path, error))?.len();
    let served = Served {
        file: id,
        part: BlobPart::Thumbnail,
        size,
        etag: format!("\"{}-thumbnail\"", file.sha256),
        content_type: "image/png".to_owned(),
        disposition: "inline".to_owned(),
    };
    serve(&cx, &files, &headers, served).await
}

async fn serve(cx: &Context, files: &Files, asked: &HeaderMap, served: Served) -> Result<Response, Problem> {
    let text = |name: &str| asked.get(name).and_then(|value| value.to_str().ok());
    let known = is_known(asked, &served.etag);
    // A range of different bytes would not fit the part that the client already has.
    let unchanged = text("if-range").is_none_or(|tag| tag == served.etag);
    let range = text("range").filter(|_| unchanged);
    let span = range.map_or(ByteRange::Whole, |range| span(range, served.size));
    let (status, first, length) = match span {
        _ if known => (StatusCode::NOT_MODIFIED, 0, 0),
        ByteRange::Whole => (StatusCode::OK, 0, served.size),
        ByteRange::Part { first, last } => (StatusCode::PARTIAL_CONTENT, first, last - first + 1),
        ByteRange::Beyond => return Ok(beyond(served.size)),
    };
    let mut response = if known {
        status.into_response()
    } else {
        let path = files.blobs.path(cx.tenant(), served.file, served.part);
        let bytes = files.blobs.read(&path, first, length).await;
        let bytes = bytes.map_err(|error| unread(&path, error))?;
        (status, axum::body::Body::from_stream(bytes)).into_response()
    };
    let mut set = |name: header::HeaderName, value: &str| {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
    };
    if !known {
        set(header::CONTENT_TYPE, &served.content_type);
        set(header::CONTENT_LENGTH, &length.to_string());
    }
    if status == StatusCode::PARTIAL_CONTENT {
        let last = first + length - 1;
        set(header::CONTENT_RANGE, &format!("bytes {first}-{last}/{}", served.size));
    }
    set(header::ACCEPT_RANGES, "bytes");
    set(header::ETAG, &served.etag);
    set(header::CACHE_CONTROL, "private, no-cache");
    set(header::CONTENT_DISPOSITION, &served.disposition);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'");
    Ok(response)
}

/// 503 when the bytes of a known file are not where they belong: this process has another folder than the one that stored them, or the
/// store is away. No 404, which would tell the client that the file is gone.
fn unread(path: &std::path::Path, error: io::Error) -> Problem {
    if error.kind() != io::ErrorKind::NotFound {
        return Problem::internal(error);
    }
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let cause = format!("files.blobs: {} is missing: do all processes share this folder?", path.display());
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "content-missing", "The content is missing")
        .detail(
            "the service knows the file and does not find its content; it is not deleted, try again later",
        )
        .cause(cause)
}

fn beyond(size: u64) -> Response {
    let problem = Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, "range", "Range not satisfiable")
        .detail(format!("the file has {size} bytes, counted from 0"));
    let mut response = problem.into_response();
    if let Ok(value) = format!("bytes */{size}").parse() {
        response.headers_mut().insert(header::CONTENT_RANGE, value);
    }
    response
}

/// A download under the file's name, whatever characters it has (RFC 6266, with the encoding of RFC 8187).
fn attachment(name: &str) -> String {
    let mut encoded = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    format!("attachment; filename*=UTF-8''{encoded}")
}
