//! `GET /v1/files/{id}`.

use files_api::FileId;
use tenfold::prelude::*;

use crate::entities::File;
use crate::permissions::ReadFiles;
use crate::view::FileView;

/// One file of the organization, with its progress.
#[utoipa::path(get, path = "/v1/files/{id}", tag = "files", security(("session" = [])),
    params(("id" = uuid::Uuid, Path, description = "The file")),
    extensions(("x-permission" = json!("files.read"))),
    responses((status = 200, body = FileView), (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn get_file(
    cx: Context,
    _: Require<ReadFiles>,
    Path(id): Path<FileId>,
) -> Result<Json<FileView>, Problem> {
    let file = File::get(&cx, id).await?;
    Ok(Json(FileView::of(&cx, &file).await?))
}
