//! `GET /v1/files/{id}/events`.

use serde::Serialize;
use tenfold::http::{HeaderMap, LiveEvent, News, Response, ServerState, State, live};
use tenfold::prelude::*;
use tenfold_files_api::FileId;
use utoipa::ToSchema;

use crate::entities::{File, FileStatus};
use crate::permissions::ReadFiles;
use crate::view::FileView;

/// The id of the last event. The ids of earlier events are their percentages, which only grow: a completed step is
/// not started again, and a step reports its position before it starts.
const LAST: i64 = 101;
/// The suffix of the id of an event that says that the processing waits for something outside.
const WAITS: &str = "w";

/// How far the processing of a file is.
#[derive(Serialize, ToSchema)]
pub(crate) struct FileProgress {
    id: FileId,
    /// 0 to 100.
    #[schema(minimum = 0, maximum = 100)]
    percent: i64,
    /// What the processing does or waits for.
    message: String,
}

/// The events of a file's stream, for the OpenAPI document.
#[derive(ToSchema)]
#[serde(tag = "event", content = "data", rename_all = "snake_case")]
#[expect(dead_code, reason = "only its shape is of use")]
pub(crate) enum FileEvent {
    Progress(FileProgress),
    Ready(FileView),
    Failed(FileView),
}

/// The progress of a file's processing, as Server-Sent Events: `progress` with percent and message, and at the end `ready`
/// or `failed` with the file. `Last-Event-ID` continues an interrupted stream.
#[endpoint(get, "/v1/files/{id}/events", tag = "files",
    answers(200: FileEvent as "text/event-stream"),
    headers("Last-Event-ID" = "The id of the last event received"),
    example(id = list_files))]
pub(crate) async fn file_events(
    cx: Context,
    _: Require<ReadFiles>,
    state: State<ServerState>,
    headers: HeaderMap,
    Path(id): Path<FileId>,
) -> Result<Response, Problem> {
    File::get(&cx, id).await?;
    live(&state, &headers, &cx, move |cx, last| look(cx, id, last))
}

async fn look(cx: Context, id: FileId, last: Option<String>) -> Result<News, Problem> {
    let told = last.unwrap_or_default();
    let last = told.trim_end_matches(WAITS).parse().unwrap_or(-1);
    let file = File::get(&cx, id).await?;
    let view = FileView::of(&cx, &file).await?;
    let (percent, message) = view.progress();
    let name = match file.status {
        FileStatus::Processing if percent > last || view.waits() && !told.ends_with(WAITS) => {
            let progress = FileProgress { id, percent, message: message.to_owned() };
            let data = serde_json::to_value(progress).map_err(Problem::internal)?;
            let id = format!("{percent}{}", if view.waits() { WAITS } else { "" });
            return Ok(News::More(vec![LiveEvent { id, name: "progress", data }]));
        }
        FileStatus::Processing => return Ok(News::More(Vec::new())),
        _ if last >= LAST => return Ok(News::Last(Vec::new())),
        FileStatus::Ready => "ready",
        FileStatus::Failed => "failed",
    };
    let data = serde_json::to_value(&view).map_err(Problem::internal)?;
    Ok(News::Last(vec![LiveEvent { id: LAST.to_string(), name, data }]))
}
