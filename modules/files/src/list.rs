//! `GET /v1/files`.

use tenfold::http::PageQuery;
use tenfold::prelude::*;

use crate::entities::File;
use crate::permissions::ReadFiles;
use crate::view::FileView;

/// The files of the organization, newest first.
#[utoipa::path(get, path = "/v1/files", tag = "files", params(PageQuery), security(("session" = [])),
    extensions(("x-permission" = json!("files.read"))),
    responses((status = 200, body = Listing<FileView>)))]
pub(crate) async fn list_files(
    cx: Context,
    _: Require<ReadFiles>,
    page: Page,
) -> Result<Json<Listing<FileView>>, Problem> {
    let files = File::query().newest_first().page(&page).all(&cx).await?;
    let views = FileView::of_all(&cx, &files).await?;
    Ok(Json(files.listing(views)))
}
