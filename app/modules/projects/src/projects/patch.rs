//! `PATCH /v1/projects/{id}`.

use serde::Deserialize;
use tenfold::prelude::*;
use utoipa::ToSchema;

use super::{ProjectName, ProjectView};
use crate::entities::{Project, ProjectId};
use crate::permissions::WriteProjects;

/// The changes; omitted fields stay as they are.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProjectPatch {
    name: Option<ProjectName>,
}

/// Changes a project's name, if the version in `If-Match` is the current one.
#[endpoint(patch, "/v1/projects/{id}", tag = "projects",
    example(id = list_projects, body = {"name": "Mobile app"}))]
pub(crate) async fn patch_project(
    cx: Context,
    _: Require<WriteProjects>,
    Path(id): Path<ProjectId>,
    seen: IfMatch,
    Json(patch): Json<ProjectPatch>,
) -> Result<Tagged<Json<ProjectView>>, Problem> {
    let change = Project::update(id).set_if(Project::name, patch.name.map(ProjectName::into_inner));
    cx.transaction(async |tx| -> Result<(), Problem> {
        let project = Project::get(tx, id).await?;
        seen.change(tx, &*project, change).await
    })
    .await?;
    let project = Project::get(&cx, id).await?;
    Ok(Tagged::by(&*project, Json(ProjectView::of(&project))))
}
