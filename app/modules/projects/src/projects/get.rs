//! `GET /v1/projects/{id}`.

use tenfold::prelude::*;

use super::ProjectView;
use crate::entities::{Project, ProjectId};
use crate::permissions::ReadProjects;

/// One project of the organization.
#[utoipa::path(get, path = "/v1/projects/{id}", tag = "projects", security(("session" = [])),
    params(("id" = uuid::Uuid, Path, description = "The project")),
    extensions(("x-permission" = json!("projects.read"))),
    responses((status = 200, body = ProjectView, headers(("ETag" = String, description = "The state that it is in"))), (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn get_project(
    cx: Context,
    _: Require<ReadProjects>,
    Path(id): Path<ProjectId>,
) -> Result<Tagged<Json<ProjectView>>, Problem> {
    let project = Project::get(&cx, id).await?;
    Ok(Tagged::by(&*project, Json(ProjectView::of(&project))))
}
