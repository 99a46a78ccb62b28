//! `PATCH /v1/projects/{id}`.

use serde::Deserialize;
use tenfold::prelude::*;
use utoipa::ToSchema;

use super::ProjectView;
use crate::entities::{Project, ProjectId};
use crate::permissions::WriteProjects;

type Name = Text<1, 100>;

/// What changes; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProjectPatch {
    #[schema(inline)]
    name: Option<Name>,
}

/// Changes a project's name, if it is still as the client has seen it.
#[utoipa::path(patch, path = "/v1/projects/{id}", tag = "projects", security(("session" = [])),
    params(("id" = uuid::Uuid, Path, description = "The project"), IfMatch), request_body = ProjectPatch,
    extensions(("x-permission" = json!("projects.write"))),
    responses((status = 200, body = ProjectView, headers(("ETag" = String, description = "The state that it is in"))),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 412, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn patch_project(
    cx: Context,
    _: Require<WriteProjects>,
    Path(id): Path<ProjectId>,
    seen: IfMatch,
    Json(patch): Json<ProjectPatch>,
) -> Result<Tagged<Json<ProjectView>>, Problem> {
    let change = Project::update(id).set_if(Project::name, patch.name.map(Text::into_inner));
    cx.transaction(async |tx| -> Result<(), Problem> {
        let project = Project::get(tx, id).await?;
        seen.change(tx, &*project, change).await
    })
    .await?;
    let project = Project::get(&cx, id).await?;
    Ok(Tagged::by(&*project, Json(ProjectView::of(&project))))
}
