//! `GET /v1/projects`.

use tenfold::prelude::*;

use super::ProjectView;
use crate::entities::Project;
use crate::permissions::ReadProjects;

/// The projects of the organization, newest first.
#[endpoint(get, "/v1/projects", tag = "projects")]
pub(crate) async fn list_projects(
    cx: Context,
    _: Require<ReadProjects>,
    page: Page,
) -> Result<Json<Listing<ProjectView>>, Problem> {
    let projects = Project::query().newest_first().page(&page).all(&cx).await?;
    let views = projects.iter().map(ProjectView::of).collect();
    Ok(Json(projects.listing(views)))
}
