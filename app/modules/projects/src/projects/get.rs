//! `GET /v1/projects/{id}`.

use tenfold::prelude::*;

use super::ProjectView;
use crate::entities::{Project, ProjectId};
use crate::permissions::ReadProjects;

/// One project of the organization.
#[endpoint(get, "/v1/projects/{id}", tag = "projects", example(id = list_projects))]
pub(crate) async fn get_project(
    cx: Context,
    _: Require<ReadProjects>,
    Path(id): Path<ProjectId>,
) -> Result<Tagged<Json<ProjectView>>, Problem> {
    let project = Project::get(&cx, id).await?;
    Ok(Tagged::by(&*project, Json(ProjectView::of(&project))))
}
