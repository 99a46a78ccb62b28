//! `GET /v1/files`.

use tenfold::prelude::*;

use crate::entities::File;
use crate::permissions::ReadFiles;
use crate::view::FileView;

/// The files of the organization, newest first.
#[endpoint(get, "/v1/files", tag = "files")]
pub(crate) async fn list_files(
    cx: Context,
    _: Require<ReadFiles>,
    page: Page,
) -> Result<Json<Listing<FileView>>, Problem> {
    let files = File::query().newest_first().page(&page).all(&cx).await?;
    let views = FileView::of_all(&cx, &files).await?;
    Ok(Json(files.listing(views)))
}
