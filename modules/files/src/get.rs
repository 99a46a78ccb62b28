//! `GET /v1/files/{id}`.

use tenfold::prelude::*;
use tenfold_files_api::FileId;

use crate::entities::File;
use crate::permissions::ReadFiles;
use crate::view::FileView;

/// One file of the organization, with its progress.
#[endpoint(get, "/v1/files/{id}", tag = "files", example(id = list_files))]
pub(crate) async fn get_file(
    cx: Context,
    _: Require<ReadFiles>,
    Path(id): Path<FileId>,
) -> Result<Json<FileView>, Problem> {
    let file = File::get(&cx, id).await?;
    Ok(Json(FileView::of(&cx, &file).await?))
}
